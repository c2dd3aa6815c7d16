"""`counter`: increments are not lost under the lock or by `add`; without both, some are."""

from __future__ import annotations

import pytest

from lab.checks import verdicts
from lab.checks.verdicts import Judgement
from tests.support.traces import end_of_run, make_exercise, parse_trace

VALID, UNKNOWN, INVALID = Judgement.VALID, Judgement.UNKNOWN, Judgement.INVALID

COUNTER = """
0.0 a starts
0.0 b starts
0.1 a enters 1
0.1 a increments 1
0.2 a leaves
0.3 b enters 2
0.3 b increments 2
0.3 b leaves
""" + end_of_run("a", "b")
COUNTED = "\n93 lab counts "


def verdict_on(text: str, how: str = "lock") -> verdicts.Verdict:
    return make_exercise("counter", processes=2, how=how).check(parse_trace(text, "counter"))


@pytest.mark.parametrize(
    ("before", "after", "count", "judgement"),
    [
        ("", "", 2, VALID),
        ("", "", 1, INVALID),
        ("", "", 3, INVALID),  # nobody was killed who may have added one
        ("0.2 a leaves\n", "", 2, INVALID),  # b entered beside a
        ("b enters 2", "b enters 1", 2, INVALID),
        ("90 b ends\n", "", 2, UNKNOWN),
    ],
)
def test_verdicts(before: str, after: str, count: int, judgement: Judgement):
    assert before in COUNTER
    assert verdict_on(COUNTER.replace(before, after) + COUNTED + str(count)).judgement is judgement


def test_two_that_wrote_the_same_number_are_the_proof():
    lost = COUNTER.replace("b increments 2", "b increments 1") + COUNTED + "1"
    verdict = verdict_on(lost, "nothing")
    assert verdict == verdicts.invalid("a and b both read 0 and both wrote 1; 1 of 2 increments were lost")
    assert [event.what for event in verdict.events] == ["increments"] * 2
    trace = parse_trace(lost, "counter")
    assert make_exercise("counter").outcome(trace) == {"increments": 2, "counted": 1, "lost": 1}


def test_counter_that_was_not_read_is_unknown():
    assert verdict_on(COUNTER) == verdicts.unknown("the counter was not read at the end")


def test_killed_process_may_have_added_what_it_did_not_record():
    killed = COUNTER.replace("0.3 b increments 2\n", "").replace("90 b ends\n", "").replace("joins b 0", "joins b -9")
    verdict = verdict_on(killed + COUNTED + "2")
    assert verdict.judgement is VALID
    assert "and 1 perhaps by b, lost while counting" in verdict.evidence


def test_additions_enter_no_section():
    added = "\n".join(line for line in COUNTER.splitlines() if "enters" not in line and "leaves" not in line)
    assert verdict_on(added + COUNTED + "2", "add").judgement is VALID
