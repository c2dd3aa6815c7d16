"""`rendezvous`: with a barrier, nobody begins a phase before all have finished the one before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.checks import verdicts
from lab.checks.verdicts import Judgement
from tests.support.traces import end_of_run, make_exercise, parse_trace

VALID, UNKNOWN, INVALID = Judgement.VALID, Judgement.UNKNOWN, Judgement.INVALID

PHASES = """
0.0 process_0 begins_phase 1
0.0 process_1 begins_phase 1
0.1 process_0 finishes_phase 1
0.1 process_0 waits
0.3 process_1 finishes_phase 1
0.3 process_1 waits
0.4 process_1 wakes 0
0.4 process_0 wakes 1
0.5 process_0 begins_phase 2
0.5 process_1 begins_phase 2
0.6 process_0 finishes_phase 2
0.6 process_1 finishes_phase 2
"""
ENDS = end_of_run("process_0", "process_1")


def verdict_on(text: str) -> verdicts.Verdict:
    exercise = make_exercise("rendezvous", processes=2, phases=2)
    return exercise.check(parse_trace(text + ENDS, "rendezvous"))


@pytest.mark.parametrize(
    ("before", "after", "judgement"),
    [
        ("", "", VALID),
        ("0.3 process_1 finishes_phase 1\n", "", INVALID),
        ("process_0 wakes 1", "process_0 wakes 0", INVALID),
        ("begins_phase", "works", UNKNOWN),
    ],
)
def test_verdicts(before: str, after: str, judgement: Judgement):
    assert before in PHASES
    assert verdict_on(PHASES.replace(before, after)).judgement is judgement


def test_early_start_names_who_had_not_finished():
    late = PHASES.replace("0.3 process_1 finishes_phase 1\n", "")
    verdict = verdict_on(late)
    assert verdict == verdicts.invalid("process 0 began phase 2 before process 1 had finished phase 1")
    assert [(event.who, event.value) for event in verdict.events] == [("process 1", 1), ("process 0", 2)]
    outcome = make_exercise("rendezvous", processes=2).outcome(parse_trace(late, "rendezvous"))
    assert outcome == {"phases finished": 3, "early starts": 2, "barrier wait, max": pytest.approx(0.3)}


def test_broken_barrier_is_no_violation_and_has_its_reason():
    trace = parse_trace(PHASES[: PHASES.index("0.4")] + "3.2 process_0 gives_up\n" + ENDS, "rendezvous")
    events = [replace(each, why="it was lost") if each.what == "gives up" else each for each in trace.events]
    verdict = make_exercise("rendezvous", processes=2).check(replace(trace, events=tuple(events)))
    assert verdict.judgement is VALID
    assert "process 0 found the barrier broken (it was lost)" in verdict.evidence
