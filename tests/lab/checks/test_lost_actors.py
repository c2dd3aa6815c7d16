"""Verdicts on runs in which an actor was killed, or paused for longer than its lease."""

from __future__ import annotations

import dataclasses

import pytest

from lab.checks import metrics, verdicts
from lab.checks.sections import EXPIRES, section_events
from lab.checks.verdicts import Judgement
from lab.exercises import EXERCISES
from lab.result import judge
from lab.trace import LAB, Event, Trace
from tests.support.traces import LEASE_LOST, end_of_run, parse_trace

VALID, UNKNOWN, INVALID = Judgement.VALID, Judgement.UNKNOWN, Judgement.INVALID


def tickets(text: str, stock: int = 1, **parameters: object) -> verdicts.Verdict:
    return EXERCISES["tickets"](clients=3, stock=stock, **parameters).check(parse_trace(text))  # type: ignore[arg-type]


def test_late_write_that_was_refused_is_valid():
    assert tickets(LEASE_LOST) == verdicts.valid(
        "1 sold and 0 left, of 1; never more than 1 inside db under a lease; a lost the lease inside, and 2 were there "
        "at once; fences increased with every grant; all 3 finished"
    )
    assert metrics.max_inside(parse_trace(LEASE_LOST), "db") == 1
    assert metrics.handoff_time(parse_trace(LEASE_LOST), "db", 1) == pytest.approx(0.1)  # from b to c, and c to a


ALL_LOST = """
0 a enters 1
0.5 b enters 2
1 c restarts_server_empty waiting
2 c enters 3
2 d enters 4
3 b leaves
3 b loses_lease 2
4 a leaves
4 a loses_lease 1
5 c leaves
5 d leaves
"""


def test_all_who_are_inside_lose_the_lease_when_the_server_loses_its_data():
    trace = parse_trace(ALL_LOST, "ktv")
    expired = [(each.who, each.when) for each in section_events(trace, "rooms") if each.what == EXPIRES]
    assert expired == [("a", 1), ("b", 1)]
    assert verdicts.within_limit(trace, "rooms", 2, fenced=True) == verdicts.valid(
        "never more than 2 inside rooms under a lease; b, a lost the lease inside, and 4 were there at once"
    )
    assert verdicts.within_limit(trace, "rooms", 2) == verdicts.unknown(
        "4 were inside rooms at once: b, a lost the lease inside, and found out later"
    )
    kept = parse_trace(ALL_LOST.replace("restarts_server_empty", "restarts_server"), "ktv")
    assert verdicts.within_limit(kept, "rooms", 1) == verdicts.invalid("d entered rooms while c was still inside")


def test_an_exit_code_that_the_server_has_lost_is_not_a_death():
    text = ALL_LOST + end_of_run("a", "b", "c", "d").replace("joins d 0", "joins d -9")
    assert verdicts.all_finished(parse_trace(text, "ktv"), 4) == verdicts.valid(
        "all 4 finished; the exit code of d was lost with the server's data"
    )
    kept = parse_trace(text.replace("restarts_server_empty", "restarts_server"), "ktv")
    assert verdicts.all_finished(kept, 4) == verdicts.valid("d was killed; all 3 others finished")


def test_late_write_that_was_accepted_is_invalid():
    accepted = LEASE_LOST.replace("2.1 a is_refused 1", "2.1 a buys 0")
    assert tickets(accepted) == verdicts.invalid("b and a both read 1 left and both bought; 2 tickets sold, 1 in stock")


def test_lost_lease_excuses_only_the_entry_with_its_fence():
    overlap = LEASE_LOST.replace("2.4 a enters 4", "2.25 a enters 4")
    overlap = overlap.replace("2.3 c gets_no_ticket\n2.3 c leaves\n", "")
    moved = overlap.replace("2.5 a gets_no_ticket", "2.5 c gets_no_ticket\n2.5 c leaves\n2.5 a gets_no_ticket")
    assert tickets(moved) == verdicts.invalid("a entered db while c was still inside")
    assert tickets(LEASE_LOST.replace("2.2 a loses_lease 1\n", "")) == verdicts.invalid(
        "b entered db while a was still inside"
    )
    assert tickets(LEASE_LOST.replace("a loses_lease 1", "a loses_lease 4")) == verdicts.invalid(
        "b entered db while a was still inside"
    )


def test_entry_may_be_recorded_after_the_lease_was_lost():
    text = """
0 a requests
0 b requests
1 b enters 2
2 a enters 1
3 a is_refused 1
3 a leaves
3 a loses_lease 1
4 b leaves
"""
    run = parse_trace(text + end_of_run("a", "b"))
    assert verdicts.within_limit(run, "db", 1).judgement is VALID
    assert verdicts.fences_increase(run, "db").judgement is VALID
    assert [(event.who, event.what) for event in section_events(run, "db")][2:] == [("b", "enters"), ("b", "leaves")]
    wrong = parse_trace(text.replace("3 a loses_lease 1\n", "") + end_of_run("a", "b"))
    assert verdicts.within_limit(wrong, "db", 1).judgement is INVALID
    assert verdicts.fences_increase(wrong, "db").judgement is INVALID


def test_lost_permit_of_a_semaphore_admits_one_more():
    text = "0 a enters 1\n0 b enters 2\n5 c enters 3\n6 d enters 4\n7 a leaves\n7 a loses_lease 1"
    run = parse_trace(text + "\n" + end_of_run("a", "b", "c", "d"), "ktv")
    assert verdicts.within_limit(run, "rooms", 2) == verdicts.invalid("d entered rooms while b, c were still inside")
    right = parse_trace(text.replace("6 d", "6 b leaves\n6 d") + "\n" + end_of_run("a", "b", "c", "d"), "ktv")
    assert verdicts.within_limit(right, "rooms", 2).judgement is VALID
    assert [event.what for event in section_events(right, "rooms")][:4] == ["enters", EXPIRES, "enters", "enters"]


def killed_after(run: Trace, position: int) -> Trace:
    """Return the trace of a run in which `a` was killed before the event at `position`."""
    events = [event for at, event in enumerate(run.events) if event.who != "a" or at < position]
    events = [e for e in events if not (e.what == "joins" and e.on == "a")]
    killed = parse_trace("91 lab joins a -9").events
    return Trace(run.exercise, run.backend, run.parameters, (*events[:-1], *killed, events[-1]))


NO_PAUSE = """
0.0 a starts
0.1 a sees 3
0.1 a requests
0.2 a enters 1
0.5 a buys 2
0.6 a leaves
5.0 b enters 2
5.1 b buys 1
5.1 b leaves
5.2 c enters 3
5.3 c buys 0
5.4 c leaves
6.0 lab counts 0
""" + end_of_run("a", "b", "c")


@pytest.mark.parametrize("wrote", [True, False])
def test_verdict_for_a_buyer_killed_at_any_step(wrote: bool):
    """It is killed between any two of its steps; if it `wrote`, the store has one ticket less."""
    complete = parse_trace(NO_PAUSE)
    for position, step in enumerate(complete.events):
        if step.who != "a":
            continue
        killed = killed_after(complete, position)
        recorded = [event.what for event in killed.events if event.who == "a"]
        sold = "buys" in recorded
        if not sold and not wrote:  # the next buyers read what a has read
            text = NO_PAUSE.replace("buys 1", "buys 2").replace("c buys 0", "c buys 1").replace("counts 0", "counts 1")
            killed = killed_after(parse_trace(text), position)
        verdict = EXERCISES["tickets"](clients=3, stock=3).check(killed)  # type: ignore[call-arg]
        if wrote and not sold and recorded[-1:] != ["enters"]:
            assert verdict.judgement is INVALID, recorded  # it cannot have written yet, so a ticket is missing
        else:
            assert verdict.judgement is VALID, (recorded, verdict)
            assert "a was killed; all 2 others finished" in verdict.evidence
            assert ("perhaps by a, lost while buying" in verdict.evidence) == (wrote and not sold)


KILLED_BUYER = NO_PAUSE.replace("0.5 a buys 2\n0.6 a leaves\n", "").replace("90 a ends\n", "")
KILLED_BUYER = KILLED_BUYER.replace("joins a 0", "joins a -9")


def test_store_confirms_the_write_of_a_killed_buyer():
    """With confirmed writes, no ticket may be missing."""
    confirmed = [
        Event(LAB, "here", 0, "confirms write", 6.0, fence=fence, value=value)
        for fence, value in ((1, 2), (2, 1), (3, 0))
    ]
    recorded = [
        dataclasses.replace(event, fence=3 - (event.value or 0)) if event.what == "buys" else event
        for event in parse_trace(KILLED_BUYER).events
    ]
    complete = Trace("tickets", "redis", {"clients": 3, "stock": 3}, (*confirmed, *recorded))
    result = judge(complete)
    assert result.verdict.judgement is VALID
    assert result.verdict.evidence.startswith("3 sold and 0 left, of 3 (a could not record it any more); ")
    assert result.outcome["sold"] == 3
    unconfirmed = judge(dataclasses.replace(complete, events=(*confirmed[1:], *recorded)))
    assert unconfirmed.verdict == verdicts.invalid("2 tickets sold and 0 left, of 3")
    twice = (dataclasses.replace(confirmed[0], value=1), *confirmed[1:], *recorded)
    assert judge(dataclasses.replace(complete, events=twice)).verdict.evidence.startswith("b and a both read 2 left")


def test_at_most_one_ticket_per_killed_buyer_may_be_missing():
    assert tickets(KILLED_BUYER, stock=3).judgement is VALID
    assert tickets(KILLED_BUYER, stock=4) == verdicts.invalid("2 tickets sold and 0 left, of 4")
    assert tickets(KILLED_BUYER.replace("counts 0", "counts 2"), stock=3) == verdicts.invalid(
        "2 tickets sold and 2 left, of 3"
    )
    twice = KILLED_BUYER.replace("c buys 0", "c buys 1")
    assert tickets(twice, stock=3).judgement is INVALID


def test_buyer_killed_before_the_sellers_reply():
    text = (
        """
0.1 a requests
0.1 b requests
0.2 seller enters
0.2 seller leaves
0.3 seller enters
0.3 seller leaves
0.4 b buys 0
1.0 lab counts 0
"""
        + end_of_run("seller", "b")
        + "\n93 lab joins a -9"
    )
    exercise = EXERCISES["tickets"](clients=2, stock=2, how="queue")  # type: ignore[call-arg]
    verdict = exercise.check(parse_trace(text))
    assert verdict.judgement is VALID
    assert "1 sold and 0 left, of 2, and 1 perhaps by a, lost while buying" in verdict.evidence
    assert exercise.check(parse_trace(text.replace("0.1 a requests\n", ""))).judgement is INVALID


@pytest.mark.parametrize(("value", "judgement"), [("-9", VALID), ("-15", VALID), ("1", UNKNOWN), ("", UNKNOWN)])
def test_killed_actor_is_excused_and_failed_actor_is_not(value: str, judgement: Judgement):
    text = NO_PAUSE.replace("90 c ends\n", "").replace("joins c 0", f"joins c {value}")
    assert tickets(text, stock=3).judgement is judgement


def test_actor_that_failed_before_it_was_killed_has_failed():
    text = NO_PAUSE.replace("90 c ends", "90 c fails").replace("joins c 0", "joins c -9")
    assert tickets(text, stock=3).judgement is UNKNOWN


def test_actor_that_ran_twice():
    """Its worker was lost, so another worker runs it again while its first process still runs."""
    run = parse_trace("0 a enters 1\n5 a enters 2\n6 a leaves\n" + end_of_run("a"))
    first, *rest = run.events
    orphan = Trace("tickets", "rq", {}, (type(first)(**{**vars(first), "pid": 1}), *rest))
    assert verdicts.within_limit(orphan, "db", 1).judgement is VALID
    overlap = Trace("tickets", "rq", {}, (*orphan.events[:2], *run.events[2:]))
    assert verdicts.within_limit(overlap, "db", 1).judgement is VALID
