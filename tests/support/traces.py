"""Handwritten traces: from lines of text, or from events."""

from __future__ import annotations

from typing import Any

from lab.exercise import Exercise
from lab.exercises import EXERCISES
from lab.result import Result, judge
from lab.runtime.fault_plan import INSIDE
from lab.trace import FAULT_ENDS, FAULTS, LAB, Event, Trace

FENCED = ("enters", "loses lease", "is refused")


def parse_trace(text: str, exercise: str = "tickets", backend: str = "local", **parameters: object) -> Trace:
    """Return a trace of lines such as `0.5 a enters 17`: when, who, what, and a number.

    The number of `enters`, `loses_lease` and `is_refused` is a fence, of anything else a value. `joins b 0` says who
    was joined. `dies`, `pauses` and `resumes` happen inside, or at the moment that follows. A name of several words has
    underscores: `0.5 car_1 turns_green`.
    """
    section = EXERCISES[exercise].section
    events = [_event(line.split(), section) for line in text.strip().splitlines()]
    return Trace(exercise, backend, parameters, tuple(events))


def end_of_run(*names: str) -> str:
    """Return the last lines of a run in which all of them finished."""
    lines = [f"90 {name} ends" for name in names] + [f"91 lab joins {name} 0" for name in names]
    return "\n".join([*lines, "92 lab ends_run"])


def _event(words: list[str], section: str) -> Event:
    when, who, what, *rest = (word.replace("_", " ") for word in words)
    on, why = None, None
    if what in ("requests", "enters", "leaves", "loses lease", "is refused"):
        on = section
    elif what in (*FAULTS, *FAULT_ENDS):
        on, why = section, " ".join(rest) or INSIDE
        rest = []
    elif what == "joins":
        on = rest.pop(0)
    number = int(rest[0]) if rest else None
    fence, value = (number, None) if what in FENCED else (None, number)
    return Event(
        who, "here", 0 if who == LAB else hash(who), what, float(when), on=on, fence=fence, value=value, why=why
    )


TWO_BUYERS = """
0.0 lab starts_run
0.1 a starts
0.1 b starts
0.2 a requests
0.2 b requests
0.2 a enters 1
0.5 a buys 1
0.6 a leaves
0.7 b enters 2
0.8 b buys 0
0.9 b leaves
0.9 a ends
1.0 b ends
1.0 lab joins a 0
1.0 lab joins b 0
1.0 lab ends_run
1.0 lab counts 0
"""


PIDS = {LAB: 1}


def event(when: float, who: str, what: str, **more: Any) -> Event:
    """Return an event on this host; each name is a process of its own."""
    return Event(who, "here", PIDS.setdefault(who, len(PIDS) + 100), what, when, **more)


def make_trace(name: str, *events: Event, finished: tuple[str, ...] = ()) -> Trace:
    """Return the trace of a run in which the `finished` actors ended and were joined."""
    ends = [event(90, who, "ends") for who in finished]
    joins = [event(91, LAB, "joins", on=who, value=0) for who in finished]
    return Trace(name, "local", {}, (*events, *ends, *joins, event(92, LAB, "ends run")))


def without(trace: Trace, *kinds: str) -> Trace:
    """Return the trace without the events of these kinds."""
    left = tuple(each for each in trace.events if each.what not in kinds)
    return Trace(trace.exercise, trace.backend, trace.parameters, left)


def make_exercise(name: str, **parameters: object) -> Exercise:
    """Return the exercise of this name with these parameters."""
    return EXERCISES[name](**parameters)  # type: ignore[arg-type]


def with_times_multiplied(text: str, factor: float) -> str:
    """Return the lines of a trace with all times multiplied by `factor`."""
    lines = (line.split(" ", 1) for line in text.strip().splitlines())
    return "\n".join(f"{factor * float(when)} {rest}" for when, rest in lines)


def judged_run(text: str = TWO_BUYERS, backend: str = "local", **parameters: object) -> Result:
    """Return the result of a run of tickets by two clients with two tickets."""
    return judge(parse_trace(text, backend=backend, **{"clients": 2, "stock": 2, **parameters}))


# a pauses inside for longer than its lease; b buys the last ticket meanwhile; c gets none.
KILLED = """
0.1 a requests
0.1 a enters 1
0.1 b requests
0.2 a dies
2.2 b enters 2
2.3 b buys 0
2.4 b leaves
2.5 lab counts 0
90 b ends
91 lab joins a -9
91 lab joins b 0
92 lab ends_run
"""
LEASE_LOST = """
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
