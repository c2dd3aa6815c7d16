"""Verdicts on runs in which somebody was killed, cut off, or stood still for longer than its lease."""

from __future__ import annotations

import dataclasses

import pytest

from lab.checks import metrics, verdicts
from lab.checks.sections import EXPIRES, section_events
from lab.checks.verdicts import Judgement
from lab.exercises import EXERCISES
from lab.report.explanations import explain
from lab.result import judge
from lab.trace import LAB, Event, Trace
from tests.support.traces import end_of_run, parse_trace

VALID, UNKNOWN, INVALID = Judgement.VALID, Judgement.UNKNOWN, Judgement.INVALID

# One buys, standing still for longer than its lease; one buys meanwhile; a third one comes too late.
LATE = """
0.0 lab starts_run
0.1 a requests
0.1 b requests
0.1 c requests
0.2 a enters 1
0.2 a pauses
1.2 b enters 2
1.3 b buys 0
1.4 b leaves
1.5 c enters 3
2.0 a resumes
2.1 a is_refused 1
2.2 a leaves
2.2 a loses_lease 1
2.3 c gets_no_ticket
2.3 c leaves
2.3 a requests
2.4 a enters 4
2.5 a gets_no_ticket
2.6 a leaves
2.6 lab counts 0
""" + end_of_run("a", "b", "c")


def tickets(text: str, stock: int = 1, **parameters: object) -> verdicts.Verdict:
    return EXERCISES["tickets"](clients=3, stock=stock, **parameters).check(parse_trace(text))  # type: ignore[arg-type]


def test_a_late_write_that_was_refused():
    assert tickets(LATE) == verdicts.valid(
        "1 sold and 0 left, of 1; never more than 1 inside db; a lost the lease inside; "
        "fences increased with every grant; all 3 finished"
    )
    assert metrics.max_inside(parse_trace(LATE), "db") == 1
    assert metrics.handoff_time(parse_trace(LATE), "db", 1) == pytest.approx(0.1)  # from b to c, and c to a


def test_a_late_write_that_was_taken():
    taken = LATE.replace("2.1 a is_refused 1", "2.1 a buys 0")
    assert tickets(taken) == verdicts.invalid("b and a both read 1 left and both bought; 2 tickets sold, 1 in stock")


def test_the_sentence_says_what_became_of_whoever_stood_still():
    taken = LATE.replace("2.1 a is_refused 1", "2.1 a buys 0")
    waited = "\n".join(line for line in LATE.splitlines() if " b " not in line and "loses_lease" not in line)
    runs = {"local": waited, "redis": LATE, "rq": taken}
    results = [judge(parse_trace(text, backend=name, clients=3, stock=1, stall=1.8)) for name, text in runs.items()]
    assert (
        "A process was paused inside db: on local all others waited for it; on redis its lease expired, others "
        "entered, and its late write was refused by the store; on rq its lease expired, others entered, and its late "
        "write was accepted, as nothing checked its fence."
    ) in explain(results)
    assert [result.outcome["refused by fence"] for result in results] == [1, 1, 0]
    assert "was paused" not in explain([judge(parse_trace(ALONE, clients=3, stock=3))])


def test_who_says_that_it_lost_its_lease_is_believed_only_for_that_stay():
    overlap = LATE.replace("2.4 a enters 4", "2.25 a enters 4").replace("2.3 c gets_no_ticket\n2.3 c leaves\n", "")
    moved = overlap.replace("2.5 a gets_no_ticket", "2.5 c gets_no_ticket\n2.5 c leaves\n2.5 a gets_no_ticket")
    assert tickets(moved) == verdicts.invalid("a entered db while c was still inside")
    assert tickets(LATE.replace("2.2 a loses_lease 1\n", "")) == verdicts.invalid(
        "b entered db while a was still inside"
    )
    assert tickets(LATE.replace("a loses_lease 1", "a loses_lease 4")) == verdicts.invalid(
        "b entered db while a was still inside"
    )


def test_who_stood_still_on_the_threshold_may_record_late_that_it_was_let_in():
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


def test_a_semaphores_permit_that_was_lost_makes_room_for_one_and_no_more():
    text = "0 a enters 1\n0 b enters 2\n5 c enters 3\n6 d enters 4\n7 a leaves\n7 a loses_lease 1"
    rooms = text.replace("db", "rooms")
    run = parse_trace(rooms + "\n" + end_of_run("a", "b", "c", "d"), "ktv")
    assert verdicts.within_limit(run, "rooms", 2) == verdicts.invalid("d entered rooms while b, c were still inside")
    right = parse_trace(rooms.replace("6 d", "6 b leaves\n6 d") + "\n" + end_of_run("a", "b", "c", "d"), "ktv")
    assert verdicts.within_limit(right, "rooms", 2).judgement is VALID
    assert [event.what for event in section_events(right, "rooms")][:4] == ["enters", EXPIRES, "enters", "enters"]


def killed_after(run: Trace, position: int) -> Trace:
    """Return the trace of a run in which `a` was killed before it did what stands at `position`."""
    events = [event for at, event in enumerate(run.events) if event.who != "a" or at < position]
    events = [e for e in events if not (e.what == "joins" and e.on == "a")]
    killed = parse_trace("91 lab joins a -9").events
    return Trace(run.exercise, run.backend, run.parameters, (*events[:-1], *killed, events[-1]))


ALONE = """
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
def test_wherever_a_buyer_is_killed_the_verdict_is_right(wrote: bool):
    """Between any two of its steps; the store then has its ticket or, if it `wrote`, one less."""
    whole = parse_trace(ALONE)
    for position, step in enumerate(whole.events):
        if step.who != "a":
            continue
        killed = killed_after(whole, position)
        told = [event.what for event in killed.events if event.who == "a"]
        sold = "buys" in told
        if not sold and not wrote:  # the next ones read what a read
            text = ALONE.replace("buys 1", "buys 2").replace("c buys 0", "c buys 1").replace("counts 0", "counts 1")
            killed = killed_after(parse_trace(text), position)
        verdict = EXERCISES["tickets"](clients=3, stock=3).check(killed)  # type: ignore[call-arg]
        if wrote and not sold and told[-1:] != ["enters"]:
            assert verdict.judgement is INVALID, told  # it cannot have written yet: the ticket is really gone
        else:
            assert verdict.judgement is VALID, (told, verdict)
            assert "a was killed; all 2 others finished" in verdict.evidence
            assert ("perhaps by a, lost while buying" in verdict.evidence) == (wrote and not sold)


SILENT = ALONE.replace("0.5 a buys 2\n0.6 a leaves\n", "").replace("90 a ends\n", "").replace("joins a 0", "joins a -9")


def test_the_store_says_what_a_killed_buyer_wrote():
    """No ticket is missing then, and none may be."""
    kept = [
        Event(LAB, "here", 0, "confirms write", 6.0, fence=fence, value=value)
        for fence, value in ((1, 2), (2, 1), (3, 0))
    ]
    told = [
        dataclasses.replace(event, fence=3 - (event.value or 0)) if event.what == "buys" else event
        for event in parse_trace(SILENT).events
    ]
    whole = Trace("tickets", "redis", {"clients": 3, "stock": 3}, (*kept, *told))
    result = judge(whole)
    assert result.verdict.judgement is VALID
    assert result.verdict.evidence.startswith("3 sold and 0 left, of 3 (a could not record it any more); ")
    assert result.outcome["sold"] == 3
    silent = judge(dataclasses.replace(whole, events=(*kept[1:], *told)))
    assert silent.verdict == verdicts.invalid("2 tickets sold and 0 left, of 3")
    twice = (dataclasses.replace(kept[0], value=1), *kept[1:], *told)
    assert judge(dataclasses.replace(whole, events=twice)).verdict.evidence.startswith("b and a both read 2 left")


def test_no_more_tickets_may_be_missing_than_buyers_were_lost():
    text = (
        ALONE.replace("0.5 a buys 2\n0.6 a leaves\n", "").replace("90 a ends\n", "").replace("joins a 0", "joins a -9")
    )
    assert tickets(text, stock=3).judgement is VALID
    assert tickets(text, stock=4) == verdicts.invalid("2 tickets sold and 0 left, of 4")
    assert tickets(SILENT.replace("counts 0", "counts 2"), stock=3) == verdicts.invalid(
        "2 tickets sold and 2 left, of 3"
    )
    twice = SILENT.replace("c buys 0", "c buys 1")
    assert tickets(twice, stock=3).judgement is INVALID


def test_a_caller_that_was_killed_while_the_seller_answered():
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
    shop = EXERCISES["tickets"](clients=2, stock=2, how="queue")  # type: ignore[call-arg]
    verdict = shop.check(parse_trace(text))
    assert verdict.judgement is VALID
    assert "1 sold and 0 left, of 2, and 1 perhaps by a, lost while buying" in verdict.evidence
    assert shop.check(parse_trace(text.replace("0.1 a requests\n", ""))).judgement is INVALID


@pytest.mark.parametrize(("value", "judgement"), [("-9", VALID), ("-15", VALID), ("1", UNKNOWN), ("", UNKNOWN)])
def test_who_was_killed_excuses_itself_and_who_failed_does_not(value: str, judgement: Judgement):
    text = ALONE.replace("90 c ends\n", "").replace("joins c 0", f"joins c {value}")
    assert tickets(text, stock=3).judgement is judgement


def test_a_killed_one_whose_failure_is_known_has_failed():
    text = ALONE.replace("90 c ends", "90 c fails").replace("joins c 0", "joins c -9")
    assert tickets(text, stock=3).judgement is UNKNOWN


def test_an_actor_that_was_played_twice():
    """Its worker was lost, and another plays it again while the first one still runs, and is then killed."""
    run = parse_trace("0 a enters 1\n5 a enters 2\n6 a leaves\n" + end_of_run("a"))
    first, *rest = run.events
    orphan = Trace("tickets", "rq", {}, (type(first)(**{**vars(first), "pid": 1}), *rest))
    assert verdicts.within_limit(orphan, "db", 1).judgement is VALID
    overlap = Trace("tickets", "rq", {}, (*orphan.events[:2], *run.events[2:]))
    assert verdicts.within_limit(overlap, "db", 1).judgement is VALID
