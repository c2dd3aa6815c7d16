"""`philosophers`: a circle of waits is a deadlock, named from what each has recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.checks import philosophers, verdicts
from lab.trace import Trace
from tests.support.traces import event, make_exercise, make_trace


def step(who: str, what: str, fork: int, **more: int):
    return event(0.1, who, what, on=f"fork {fork}", **more)


HOLDS = (
    *(event(0.0, "lab", "creates", on=f"fork {number}", value=1, why="lock") for number in range(2)),
    *(event(0.0, who, "starts") for who in ("a", "b")),
    step("a", "enters", 0),
    step("b", "enters", 1),
    step("a", "requests", 1),
)
CIRCLE = make_trace("philosophers", *HOLDS, step("b", "requests", 0))
SENTENCE = "deadlock: a holds fork 0 and waits for fork 1; b holds fork 1 and waits for fork 0"


def before_the_end(trace: Trace) -> Trace:
    """Return the trace as the lab stopped the run."""
    return replace(trace, events=(*trace.events[:-1], event(1.0, "lab", "stops run"), trace.events[-1]))


@pytest.mark.parametrize("trace", [CIRCLE, before_the_end(CIRCLE)])
def test_circle_is_named_with_who_holds_and_who_waits(trace: Trace):
    verdict = philosophers.no_deadlock(trace)
    assert verdict == verdicts.invalid(SENTENCE)
    assert [(each.who, each.what, each.on) for each in verdict.events] == [
        ("a", "enters", "fork 0"),
        ("b", "enters", "fork 1"),
        ("a", "requests", "fork 1"),
        ("b", "requests", "fork 0"),
    ]
    assert make_exercise("philosophers", seats=2).check(trace) == verdict
    assert make_exercise("philosophers", seats=2).outcome(trace)["deadlock"] is True


@pytest.mark.parametrize(
    "steps",
    [
        [step("b", "requests", 0, value=100_000)],  # it will give up
        [step("b", "leaves", 1), step("b", "requests", 0)],
        [step("b", "requests", 0), step("b", "gives up", 0)],
    ],
)
def test_wait_that_can_end_is_no_deadlock(steps):
    trace = make_trace("philosophers", *HOLDS, *steps)
    assert philosophers.no_deadlock(trace) == verdicts.valid("nobody waited in a circle")


def test_fork_in_two_hands_is_invalid():
    both = make_trace("philosophers", *HOLDS, step("b", "enters", 0), finished=("a", "b"))
    verdict = make_exercise("philosophers", seats=2).check(both)
    assert verdict == verdicts.invalid("b entered fork 0 while a was still inside")


def test_most_eating():
    steps = [("a", "eats"), ("c", "eats"), ("a", "has eaten"), ("b", "eats")]
    trace = make_trace("philosophers", *(event(0, who, what) for who, what in steps))
    assert philosophers.most_eating(trace) == 2
