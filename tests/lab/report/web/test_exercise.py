"""The content of a page about an exercise."""

from __future__ import annotations

import dataclasses

from lab.checks.verdicts import Judgement
from lab.report.web.exercise import exercise_document
from lab.result import Result, judge, summarize
from tests.support.traces import TWO_BUYERS, judged_run, parse_trace

OVERSOLD = TWO_BUYERS.replace("0.8 b buys 0", "0.8 b buys 1")


def repeated(*texts: str) -> list[Result]:
    return summarize([judge(parse_trace(text, clients=2, stock=2)) for text in texts])


def test_the_verdict_is_one_sentence_with_its_evidence():
    document = exercise_document([judged_run(), judged_run(backend="redis")])
    assert document.judgement is Judgement.VALID
    assert document.verdict.startswith("Valid on local, redis: 2 sold and 0 left, of 2; ")
    assert document.verdict.count("2 sold") == 1


def test_the_worst_verdict_comes_first_with_the_events_that_show_it():
    document = exercise_document([judged_run(), judged_run(OVERSOLD, "redis"), judged_run(OVERSOLD, "rq")])
    assert document.judgement is Judgement.INVALID
    assert document.verdict == (
        "Invalid on redis, rq: a and b both read 2 left and both bought; 2 tickets sold, 2 in stock."
    )
    valid, invalid = document.findings
    assert (valid.runs, valid.events) == ("local", {})
    assert invalid.runs == "redis, rq"
    assert {run: [event.who for event in events] for run, events in invalid.events.items()} == {
        1: ["a", "b"],
        2: ["a", "b"],
    }


def test_different_evidence_of_several_runs_is_named_for_the_first():
    later = OVERSOLD.replace(" b ", " c ")
    document = exercise_document([judged_run(OVERSOLD), judged_run(later, "redis")])
    assert document.verdict.startswith("Invalid on local, redis; on local, a and b both read 2 left")


def test_of_repeated_runs_the_one_with_the_verdict_is_shown():
    document = exercise_document(repeated(TWO_BUYERS, OVERSOLD, TWO_BUYERS))
    (run,) = document.runs
    assert (run.label, run.trace.of("buys")[1].value) == ("local, run 2 of 3", 1)
    assert [event.value for event in document.findings[0].events[0]] == [1, 1]
    assert len(document.traces) == 3


def test_of_equal_repeated_runs_the_median_one_is_shown():
    slow = TWO_BUYERS.replace("1.0 lab ends_run", "9.0 lab ends_run")
    slower = TWO_BUYERS.replace("1.0 lab ends_run", "99.0 lab ends_run")
    (run,) = exercise_document(repeated(slower, TWO_BUYERS, slow)).runs
    assert run.label == "local, run 3 of 3"


def test_the_command_repeats_the_comparison():
    document = exercise_document([judged_run(), judged_run(backend="rq")])
    assert document.command == (
        "lab compare tickets --clients 2 --stock 2 --pace 0.05 --how lock --seed 0 --on local,rq"
    )
    assert exercise_document(repeated(TWO_BUYERS, TWO_BUYERS)).command.endswith("--on local --repeat 2")


def test_the_command_repeats_the_faults():
    planned = {"kind": "kill", "count": 2, "seed": 0}
    run = judged_run()
    result = judge(dataclasses.replace(run.trace, faults=planned))
    assert exercise_document([result]).command.endswith("--how lock --seed 0 --fault kill:2 --on local")
