"""Traces written by hand whose events say more than a number, and runs whose figures come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.exercise import Exercise
from lab.exercises import EXERCISES
from lab.trace import LAB, Event, Trace
from tests.lab.conftest import Run

BACKENDS = ("local", "redis", "rq")
PIDS = {LAB: 1}


def event(when: float, who: str, what: str, **more: Any) -> Event:
    """Return an event on this host, of a process of its own for each name."""
    return Event(who, "here", PIDS.setdefault(who, len(PIDS) + 100), what, when, **more)


def scripted(name: str, *events: Event, ended: tuple[str, ...] = ()) -> Trace:
    """Return the trace of a run of an exercise in which these finished and were joined."""
    ends = [event(90, who, "ends") for who in ended]
    joins = [event(91, LAB, "joins", on=who, value=0) for who in ended]
    return Trace(name, "local", {}, (*events, *ends, *joins, event(92, LAB, "ends run")))


def without(trace: Trace, *whats: str) -> Trace:
    """Return the same trace, but nobody recorded these."""
    left = tuple(each for each in trace.events if each.what not in whats)
    return Trace(trace.exercise, trace.backend, trace.parameters, left)


def made(name: str, **parameters: object) -> Exercise:
    """Return an exercise with these parameters."""
    return EXERCISES[name](**parameters)  # type: ignore[arg-type]


def compared(lab: Run, folder: Path, *arguments: object, status: int = 0) -> dict[tuple[str, str], dict[str, Any]]:
    """Run `lab compare` and return the figures of each variant and backend; the saved traces must say the same."""
    done = lab("compare", *arguments, "--json", "figures", "--trace", "traces")
    assert (done.returncode, done.stderr) == (status, ""), done.stdout + done.stderr
    assert lab("check", "traces").returncode == status
    runs = json.loads((folder / "figures").read_text())["runs"]
    return {(run["variant"], run["backend"]): run for run in runs}
