"""The invariants of a program's primitives, on handwritten traces, right and wrong."""

from __future__ import annotations

import pytest

from lab.checks.primitives import invariants_hold
from lab.checks.verdicts import Judgement
from lab.trace import Event, Trace

UNNOTIFIED = "b woke from P, and nobody had notified it"


def verdict(kind: str, limit: int | None, *lines: str) -> tuple[Judgement, str]:
    """Judge lines such as `a enters 7` on one primitive. `m joins a -9` is the end.

    `enters` is followed by a fence, `notifies` and `wakes` by a value.
    """
    events = [Event("m", "host", 1, "creates", 0.0, on="P", why=kind, value=limit)]
    for line in lines:
        who, what, *rest = line.split()
        what = what.replace("_", " ")
        on, value, fence = "P", None, None
        if what == "joins":
            on, value = rest[0], int(rest[1])
        elif kind in ("condition", "barrier") and rest:
            value = int(rest[0])
        elif rest:
            fence = int(rest[0])
        events.append(Event(who, "host", ord(who), what, 1.0, on=on, value=value, fence=fence))
    found = invariants_hold(Trace("program.py", "redis", {}, tuple(events)))
    return found.judgement, found.evidence


def test_what_a_queue_holds_is_unknown_after_the_server_has_lost_its_data():
    lines = ("a begins_put", "a puts", "b restarts_server_empty", "a begins_put", "a puts")
    assert verdict("queue", 1, *lines) == (
        Judgement.VALID,
        "no invariant of its primitive was violated, apart from what the server lost with its data",
    )
    assert verdict("queue", 1, *lines[:2], *lines[3:])[0] is Judgement.INVALID


@pytest.mark.parametrize(
    ("kind", "limit", "lines"),
    [
        ("lock", 1, ("a enters 1", "a leaves", "b enters 2", "b leaves")),
        ("lock", 1, ("a enters", "b leaves", "c enters")),  # a lock that another process releases
        ("lock", 1, ("a starts", "a enters 1", "b enters 2", "m joins a -9")),  # a was killed, and its lease expired
        ("lock", 1, ("a enters 1", "b enters 2", "a leaves", "a loses_lease 1")),
        ("semaphore", 2, ("a enters 1", "b enters 2", "a leaves", "c enters 3")),
        ("semaphore", 0, ("a leaves", "b enters", "a leaves", "b enters")),  # a signal
        ("event", None, ("a waits", "b sets", "a wakes")),
        ("queue", 1, ("a begins_put", "a puts", "b requests", "a begins_put", "a puts", "b gets")),
        ("queue", None, ("a begins_put", "b requests", "b gets", "a puts")),  # recorded later
        ("pipe", None, ("a begins_put", "a puts", "b requests", "b gets")),
        ("condition", None, ("a waits", "b waits", "c notifies 3", "a wakes", "b wakes", "a waits", "a times_out")),
        ("condition", None, ("a waits", "b waits", "c notifies", "b wakes", "a wakes")),
        ("condition", None, ("a waits", "b restarts_server_empty", "a wakes")),
        (
            "barrier",
            2,
            ("a waits", "b waits", "b wakes 1", "b waits", "a wakes 0", "a waits", "a wakes 1"),
        ),
        ("barrier", 2, ("a waits", "a gives_up", "a waits", "b waits", "a wakes 0", "b wakes 1")),
        ("value", None, ("a reads", "b writes")),
    ],
)
def test_what_primitives_may_do(kind: str, limit: int | None, lines: tuple[str, ...]):
    judgement, evidence = verdict(kind, limit, *lines)
    assert judgement is Judgement.VALID, evidence
    assert evidence.startswith("no invariant of its primitive was violated")


@pytest.mark.parametrize(
    ("kind", "limit", "lines", "evidence"),
    [
        (
            "condition",
            None,
            ("a waits", "b waits", "c notifies 1", "a wakes", "b wakes"),
            "b woke from P, and nobody had notified it",
        ),
        (
            "condition",
            None,
            ("a waits", "c notifies", "b waits", "a wakes", "b wakes"),
            "b woke from P, and nobody had notified it",
        ),
        ("barrier", 2, ("a waits", "a wakes 0"), "a passed P before all had arrived"),
        ("barrier", 2, ("a waits", "b waits", "a wakes 0", "b wakes 0"), "b passed P before all had arrived"),
        ("lock", 1, ("a enters", "b enters"), "b entered P while a was still inside"),
        (
            "lock",
            1,
            ("a enters 2", "a leaves", "b enters 1"),
            "b entered after a, but its fence 1 is not larger than 2",
        ),
        ("semaphore", 1, ("a enters", "b enters"), "b entered P while a was still inside"),
        ("semaphore", 2, ("a enters 1", "b enters 1"), "b and a entered with the same fence 1"),
        ("event", None, ("a waits", "a wakes", "b sets"), "a woke from P, which nobody had set"),
        ("queue", None, ("a begins_put", "b gets", "b gets"), "b got an item from P that nobody had put"),
        ("queue", 1, ("a puts", "a puts"), "a put more than 1 items into P"),
        ("pipe", None, ("b requests", "b gets"), "b got an item from P that nobody had put"),
    ],
)
def test_what_primitives_may_not_do(kind: str, limit: int | None, lines: tuple[str, ...], evidence: str):
    assert verdict(kind, limit, *lines) == (Judgement.INVALID, evidence)


def test_a_trace_without_primitives_tells_nothing():
    assert invariants_hold(Trace("program.py", "local", {}, ())).judgement is Judgement.UNKNOWN
