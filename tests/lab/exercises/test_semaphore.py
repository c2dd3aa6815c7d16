"""`semaphore`: three acquires succeed before a release, the fourth after it."""

from __future__ import annotations

import pytest

from lab.checks import verdicts
from lab.checks.verdicts import Judgement
from tests.support.traces import end_of_run, make_exercise, parse_trace

VALID = Judgement.VALID


SEMAPHORE = """
0.0 acquirer prints 1
0.0 acquirer prints 2
0.0 acquirer prints 3
0.5 acquirer times_out
1.0 releaser releases
1.2 acquirer prints 4
""" + end_of_run("acquirer", "releaser")


def test_verdicts_and_outcome():
    semaphore = make_exercise("semaphore")
    correct = parse_trace(SEMAPHORE, "semaphore")
    assert semaphore.check(correct).judgement is VALID
    assert semaphore.outcome(correct) == {
        "acquired before release": 3,
        "acquired after release": 1,
        "release to acquire": pytest.approx(0.2),
    }
    too_many = SEMAPHORE.replace("acquirer times_out", "acquirer prints 4")
    sentence = "acquire number 4 of Semaphore(3) returned before any release"
    assert semaphore.check(parse_trace(too_many, "semaphore")) == verdicts.invalid(sentence)
    for missing in (
        "0.0 acquirer prints 2\n",
        "1.2 acquirer prints 4\n",
        "1.0 releaser releases\n",
        "90 releaser ends\n",
    ):
        assert semaphore.check(parse_trace(SEMAPHORE.replace(missing, ""), "semaphore")).judgement is not VALID
    assert semaphore.outcome(parse_trace("0 lab starts_run", "semaphore"))["release to acquire"] is None
