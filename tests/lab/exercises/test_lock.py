"""`lock`: the second process waits, and the holder cannot acquire again."""

from __future__ import annotations

import pytest

from lab.checks.verdicts import Judgement
from tests.support.traces import end_of_run, make_exercise, parse_trace

VALID, UNKNOWN, INVALID = Judgement.VALID, Judgement.UNKNOWN, Judgement.INVALID


LOCK = """
0.0 first requests
0.0 first enters
0.0 first prints 111
0.1 second requests
0.5 first times_out
0.5 first leaves
0.5 second enters
0.5 second prints 222
0.5 second leaves
""" + end_of_run("first", "second")


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("", "", VALID),
        ("first times_out", "first acquires_again", INVALID),
        ("0.5 first leaves\n0.5 second enters", "0.5 second enters\n0.5 first leaves", INVALID),
        ("0.1 second requests\n", "", UNKNOWN),
        ("0.1 second requests\n0.5 first times_out\n", "0.5 first times_out\n", UNKNOWN),
        ("0.5 first leaves\n", "", INVALID),
        ("90 second ends\n", "", UNKNOWN),
    ],
)
def test_verdicts(before: str, after: str, verdict: Judgement):
    assert before in LOCK
    assert make_exercise("lock").check(parse_trace(LOCK.replace(before, after), "lock")).judgement is verdict


def test_outcome_says_which_process_waited():
    lock = make_exercise("lock")
    outcome = {"second process waits": True, "holder waits for itself": True}
    assert lock.outcome(parse_trace(LOCK, "lock")) == outcome
    late = LOCK.replace("0.1 second requests\n", "").replace(
        "0.5 second enters", "0.5 second requests\n0.5 second enters"
    )
    assert lock.outcome(parse_trace(late, "lock")) == outcome | {"second process waits": False}
    assert set(lock.outcome(parse_trace("0 lab starts_run", "lock")).values()) == {False}
