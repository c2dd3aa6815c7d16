"""What a comparison of programs says, from handwritten traces."""

from __future__ import annotations

from lab.programs.differences import equal, explain
from lab.programs.naming import MAIN
from lab.programs.run import ProgramRun, summarize
from lab.trace import LAB, Event, Trace


def run(waits: dict[str, float], backend: str = "local", output: str = "") -> ProgramRun:
    """Return a run in which the main process waited so many seconds for each lock."""
    events = []
    for name, seconds in waits.items():
        events.append(Event(MAIN, "host", 1, "creates", 0.0, on=name, why="lock", value=1))
        events.append(Event(MAIN, "host", 1, "requests", 1.0, on=name))
        events.append(Event(MAIN, "host", 1, "enters", 1.0 + seconds, on=name))
    events.append(Event(LAB, "host", 2, "joins", 9.0, on=MAIN, value=0))
    return ProgramRun(Trace("program.py", backend, {"arguments": []}, tuple(events)), output)


def said(*runs: ProgramRun) -> str:
    return explain(summarize(runs), None)


def test_the_longest_waits_are_named_if_they_are_clearly_longer():
    assert "Most of the waiting was for a, in total 2.00 s on local." in said(run({"a": 2.0, "b": 1.0}))
    assert "Most of the waiting was for a and b, in total 2.95 s on local." in said(run({"a": 1.5, "b": 1.45}))
    assert "Most of the waiting" not in said(run({"a": 1.5, "b": 1.45, "c": 1.5}))


def test_repeated_waits_are_claimed_only_beyond_their_spread():
    clear = said(run({"a": 2.0, "b": 1.0}), run({"a": 4.0, "b": 1.5}), run({"a": 3.0, "b": 0.5}))
    assert "Most of the waiting was for a, in total 3.00 s (2.00 s to 4.00 s) on local." in clear
    assert "for a and b" in said(run({"a": 2.0, "b": 1.0}), run({"a": 4.0, "b": 2.5}))


def test_runs_that_are_not_equal_to_each_other_are_reported():
    runs = summarize([run({}, output="1"), run({}, output="2"), run({}, "redis", "1"), run({}, "redis", "1")])
    assert not equal(runs)
    assert "The runs on local were not equal to each other" in explain(runs, None)
    assert equal(summarize([run({}, output="1"), run({}, output="1")]))
