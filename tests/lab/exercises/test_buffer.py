"""`buffer`: items are taken once and in order; without a loop around `wait`, from the empty buffer."""

from __future__ import annotations

import pytest

from lab.checks import buffer, verdicts
from lab.checks.verdicts import Judgement
from lab.exercises.buffer import BoundedBuffer
from tests.support.traces import end_of_run, parse_trace

VALID, UNKNOWN, INVALID = Judgement.VALID, Judgement.UNKNOWN, Judgement.INVALID

ITEMS = """
0.0 a waits
0.0 b waits
0.1 p puts 1
0.2 a wakes
0.2 a gets 1
0.3 b wakes
0.3 b waits
0.4 p puts 2
0.4 p puts 3
0.5 b wakes
0.5 b gets 2
0.6 b gets 3
"""


def verdict_on(text: str) -> verdicts.Verdict:
    return buffer.items_in_order(parse_trace(text, "buffer"), capacity=2, expected=3)


@pytest.mark.parametrize(
    ("before", "after", "judgement"),
    [
        ("", "", VALID),
        ("0.6 b gets 3\n", "", UNKNOWN),
        ("b gets 2", "b gets 0", INVALID),
        ("b gets 3", "b gets 2", INVALID),
        ("0.4 p puts 3", "0.4 p puts 3\n0.4 p puts 4", INVALID),
        ("0.4 p puts 2\n0.4 p puts 3\n", "", INVALID),
    ],
)
def test_verdicts(before: str, after: str, judgement: Judgement):
    assert before in ITEMS
    assert verdict_on(ITEMS.replace(before, after)).judgement is judgement


def test_whoever_takes_from_the_empty_buffer_is_shown_with_whoever_took_the_last_item():
    early = ITEMS.replace("0.3 b waits", "0.3 b gets 0").replace("0.6 b gets 3\n", "")
    verdict = verdict_on(early)
    assert verdict == verdicts.invalid("b took an item from the empty buffer: a had taken the last one")
    assert [(event.who, event.what) for event in verdict.events] == [("b", "wakes"), ("a", "gets"), ("b", "gets")]
    assert buffer.taken_from_empty(parse_trace(early, "buffer")) == 1


def test_woken_in_vain():
    trace = parse_trace(ITEMS, "buffer")
    assert (buffer.woken_in_vain(trace), buffer.taken_from_empty(trace)) == (1, 0)


def test_why_items_are_missing_comes_before_how_many():
    text = ITEMS + end_of_run("a", "b", "p").replace("90 b ends\n", "").replace("joins b 0", "joins b 1")
    assert BoundedBuffer().check(parse_trace(text, "buffer")) == verdicts.unknown("b ended with exit code 1")


def test_what_a_killed_producer_would_have_put_is_not_missed():
    assert verdict_on(ITEMS.replace("0.4 p puts 3", "0.4 p dies").replace("0.6 b gets 3\n", "")).judgement is VALID
    assert verdict_on(ITEMS.replace("0.6 b gets 3\n", "0.6 p dies\n")).judgement is UNKNOWN
