"""Each check accepts a correct trace and rejects a wrong one, with evidence that names who and what."""

from __future__ import annotations

import pytest

from lab.checks import verdicts
from lab.checks.verdicts import Judgement
from lab.exercises import EXERCISES
from tests.support.traces import TWO_BUYERS, parse_trace

VALID, UNKNOWN, INVALID = Judgement.VALID, Judgement.UNKNOWN, Judgement.INVALID


def without(text: str, *lines: str) -> str:
    for line in lines:
        assert line in text
        text = text.replace(line + "\n", "")
    return text


def tickets(text: str, stock: int = 2) -> verdicts.Verdict:
    return EXERCISES["tickets"](clients=2, stock=stock).check(parse_trace(text))  # type: ignore[call-arg]


def test_correct_run_is_valid():
    verdict = tickets(TWO_BUYERS)
    assert verdict.judgement is VALID
    assert verdict.evidence == (
        "2 sold and 0 left, of 2; never more than 1 inside db; fences increased with every grant; all 2 finished"
    )


def test_two_inside_at_once_is_invalid():
    verdict = tickets(TWO_BUYERS.replace("0.6 a leaves\n0.7 b enters 2", "0.6 b enters 2\n0.7 a leaves"))
    assert verdict == verdicts.invalid("b entered db while a was still inside")


def test_order_of_events_counts_and_not_their_times():
    assert tickets(TWO_BUYERS.replace("0.6 a leaves", "0.8 a leaves")).judgement is VALID


def test_one_more_inside_than_rooms_is_invalid():
    text = "\n".join(f"0.{i} g{i} enters" for i in range(5))
    verdict = verdicts.within_limit(parse_trace(text, "ktv"), "rooms", 4)
    assert verdict == verdicts.invalid("g4 entered rooms while g0, g1, g2 and 1 more were still inside")
    assert verdicts.within_limit(parse_trace(text, "ktv"), "rooms", 5).judgement is VALID


def test_actor_killed_inside_may_have_left_before_the_next_entered():
    text = "0 a enters 1\n9 b enters 2\n9 b leaves\n9 b ends\n9 lab joins a -9\n9 lab joins b 0\n9 lab ends_run"
    assert verdicts.within_limit(parse_trace(text), "db", 1).judgement is VALID
    assert verdicts.all_finished(parse_trace(text), 2) == verdicts.valid("a was killed; the other one finished")


def test_earlier_entries_of_a_killed_actor_still_count():
    """It left, entered again and was killed then: its first stay has an end, and overlaps with another."""
    text = "0 a enters\n1 b enters\n2 b leaves\n3 a leaves\n4 a enters\n5 b ends\n6 lab joins a -9\n6 lab joins b 0"
    expected = verdicts.invalid("b entered db while a was still inside")
    assert verdicts.within_limit(parse_trace(text), "db", 1) == expected


def test_actor_that_stayed_inside_and_survived_is_invalid():
    text = "0 a enters\n1 b enters\n2 b leaves\n3 a ends\n3 b ends\n4 lab joins a 0\n4 lab joins b 0"
    expected = verdicts.invalid("b entered db while a was still inside")
    assert verdicts.within_limit(parse_trace(text), "db", 1) == expected


def test_no_entry_is_unknown():
    assert verdicts.within_limit(parse_trace("0 lab starts_run"), "db", 1).judgement is UNKNOWN


def test_ticket_sold_twice_is_invalid():
    text = TWO_BUYERS.replace("b buys 0", "b buys 1").replace("counts 0", "counts 1")
    assert tickets(text) == verdicts.invalid("a and b both read 2 left and both bought; 2 tickets sold, 2 in stock")


@pytest.mark.parametrize(("count", "stock"), [(0, 3), (1, 2), (-1, 2)])
def test_sold_and_left_that_do_not_add_up_are_invalid(count: int, stock: int):
    verdict = tickets(TWO_BUYERS.replace("counts 0", f"counts {count}"), stock)
    assert verdict == verdicts.invalid(f"2 tickets sold and {count} left, of {stock}")


def test_no_count_is_unknown():
    assert tickets(without(TWO_BUYERS, "1.0 lab counts 0")).judgement is UNKNOWN


@pytest.mark.parametrize("fence", [1, 0])
def test_fence_that_does_not_increase_is_invalid(fence: int):
    verdict = tickets(TWO_BUYERS.replace("b enters 2", f"b enters {fence}"))
    assert verdict == verdicts.invalid(f"b entered after a, but its fence {fence} is not larger than 1")


def test_fences_of_a_semaphore_must_be_unique_in_any_order():
    swapped = parse_trace("0 a enters 2\n0 b enters 1", "ktv")
    assert verdicts.fences_unique(swapped, "rooms").judgement is VALID
    twice = parse_trace("0 a enters 2\n0 b enters 2", "ktv")
    assert verdicts.fences_unique(twice, "rooms") == verdicts.invalid("b and a entered with the same fence 2")


def test_evidence_does_not_mention_fences_without_fences():
    text = TWO_BUYERS.replace("enters 1", "enters").replace("enters 2", "enters")
    verdict = tickets(text)
    assert verdict.judgement is VALID
    assert "fence" not in verdict.evidence


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        (without(TWO_BUYERS, "1.0 lab ends_run"), "the trace stops before the end of the run"),
        (without(TWO_BUYERS, "1.0 b ends"), "1 of 2 finished"),
        (
            without(TWO_BUYERS, "0.9 a ends", "1.0 b ends")
            .replace("joins b 0", "joins b -9")
            .replace("joins a 0", "joins a -9"),
            "0 of 2 finished; a was killed by signal 9",
        ),
        (TWO_BUYERS.replace("joins b 0", "joins b 1"), "b ended with exit code 1"),
        (
            TWO_BUYERS.replace("joins b 0", "joins b").replace("joins a 0", "joins a -9"),
            "b had not ended when the lab gave up; a was killed by signal 9",
        ),
        (TWO_BUYERS.replace("joins b 0", "joins b"), "b had not ended when the lab gave up"),
    ],
)
def test_actor_whose_end_was_not_recorded_is_unknown(text: str, evidence: str):
    assert tickets(text) == verdicts.unknown(evidence)


def test_evidence_of_an_actor_that_did_not_end_is_what_it_did_last():
    text = without(TWO_BUYERS, "0.9 b leaves", "1.0 b ends").replace("joins b 0", "joins b")
    (event,) = verdicts.all_finished(parse_trace(text), 2).events
    assert (event.who, event.what) == ("b", "buys")


def test_invalid_takes_precedence_over_unknown():
    text = without(TWO_BUYERS, "1.0 b ends").replace("0.6 a leaves\n0.7 b enters 2", "0.6 b enters 2\n0.7 a leaves")
    assert tickets(text).judgement is INVALID


def test_ktv_combines_its_checks():
    text = "0 a requests\n0 a enters 1\n1 a leaves\n1 a ends\n1 lab joins a 0\n1 lab ends_run"
    ktv = EXERCISES["ktv"](guests=1, rooms=1)  # type: ignore[call-arg]
    assert ktv.check(parse_trace(text, "ktv")).judgement is VALID
    assert ktv.check(parse_trace("0 b enters 1\n" + text, "ktv")).judgement is INVALID
    assert ktv.check(parse_trace(text.replace("joins a 0", "joins a 3"), "ktv")).judgement is UNKNOWN
