"""The content of a page about a program."""

from __future__ import annotations

from lab.checks.verdicts import Judgement
from lab.programs.page import program_document
from lab.programs.run import ProgramRun
from lab.trace import LAB, STOP, Event, Trace
from tests.support.traces import event


def program_run(*events: Event, backend: str = "local", output: str | None = "") -> ProgramRun:
    parameters = {"arguments": ["--fast"], "limit": 2.0}
    end = event(9, LAB, "joins", on="MainProcess", value=0)
    return ProgramRun(Trace("program.py", backend, parameters, (*events, end)), output)


CREATED = [event(0, "MainProcess", "creates", on=name, why="lock", value=1) for name in ("x", "y")]
HELD = [event(0, "MainProcess", "starts run"), event(1, "a", "starts"), event(1, "b", "starts"), *CREATED]
DEADLOCK = (
    *HELD,
    *(event(2, "a", "enters", on="x"), event(2, "b", "enters", on="y")),
    *(event(3, "a", "requests", on="y"), event(4, "b", "requests", on="x")),
    event(4, "MainProcess", "waits", on="a"),
    event(5, LAB, STOP, why="limit"),
)
TWO_HOLDERS = (*HELD, event(2, "a", "enters", on="x"), event(3, "b", "enters", on="x"))


def test_equal_runs():
    document = program_document([program_run(*HELD), program_run(*HELD, backend="rq")])
    assert (document.judgement, document.verdict) == (Judgement.VALID, "All runs were equal.")
    assert [finding.runs for finding in document.findings] == ["", "local, rq"]
    assert document.command == "lab compare program.py --on local,rq --limit 2 --fast"


def test_runs_that_differ():
    document = program_document([program_run(*HELD, output="1"), program_run(*HELD, backend="rq", output="2")])
    assert (document.judgement, document.verdict) == (Judgement.INVALID, "The runs were not equal.")


def test_a_deadlock_comes_first_with_the_requests_that_close_the_cycle():
    document = program_document([ProgramRun(Trace("program.py", "local", {"arguments": []}, DEADLOCK), "")])
    assert document.judgement is Judgement.INVALID
    assert document.verdict.startswith("Deadlock on local: a waits for y, which b holds; b waits for x, which a holds.")
    assert document.findings[0].events == {0: [DEADLOCK[-4], DEADLOCK[-3]]}


def test_a_violation_in_a_saved_trace():
    document = program_document([program_run(*TWO_HOLDERS, output=None)])
    assert document.verdict == "b entered x while a was still inside"
    assert [each.who for each in document.findings[0].events[0]] == ["a", "b"]
    assert document.explanation == []
