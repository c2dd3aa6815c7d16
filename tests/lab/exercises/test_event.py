"""`event`: a flag is set, cleared and waited for."""

from __future__ import annotations

import pytest

from lab.checks.verdicts import Judgement
from tests.support.traces import end_of_run, make_exercise, parse_trace

VALID, UNKNOWN, INVALID = Judgement.VALID, Judgement.UNKNOWN, Judgement.INVALID


EVENT = """
0.0 program is_not_set
0.0 program sets
0.1 program is_set
0.1 program passes
0.1 program clears
0.6 program times_out
0.6 program is_not_set
0.7 program releases_waiter
0.9 waiter is_released
""" + end_of_run("program", "waiter")


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("", "", VALID),
        ("0.0 program is_not_set", "0.0 program is_set", INVALID),
        ("0.1 program is_set", "0.1 program is_not_set", INVALID),
        ("program times_out", "program passes", INVALID),
        ("0.6 program is_not_set", "0.6 program is_set", INVALID),
        ("0.6 program times_out", "0.5 program times_out", INVALID),
        (
            "0.7 program releases_waiter\n0.9 waiter is_released",
            "0.7 waiter is_released\n0.9 program releases_waiter",
            INVALID,
        ),
        ("0.7 program releases_waiter\n", "", INVALID),
        ("0.9 waiter is_released\n", "", VALID),  # its end was recorded
        ("90 waiter ends\n", "", UNKNOWN),
    ],
)
def test_verdicts(before: str, after: str, verdict: Judgement):
    assert before in EVENT
    assert make_exercise("event").check(parse_trace(EVENT.replace(before, after), "event")).judgement is verdict


def test_truncated_trace_is_not_valid():
    event = make_exercise("event")
    lines = EVENT.strip().splitlines()
    for end in range(len(lines)):
        assert event.check(parse_trace("\n".join(lines[:end]), "event")).judgement is not VALID
    assert event.outcome(parse_trace(EVENT, "event")) == {
        "timed-out wait": pytest.approx(0.5),
        "set to wake-up": pytest.approx(0.2),
    }
    assert set(event.outcome(parse_trace("0 lab starts_run", "event")).values()) == {None}
