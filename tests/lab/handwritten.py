"""Traces written by hand, a short line per event."""

from __future__ import annotations

from lab.exercises import EXERCISES
from lab.trace import LAB, Event, Trace

FENCED = ("enters", "loses lease", "is refused")


def trace(text: str, exercise: str = "tickets", backend: str = "local", **parameters: object) -> Trace:
    """Return a trace of lines such as `0.5 a enters 17`: when, who, what, and a number.

    The number of `enters`, `loses_lease` and `is_refused` is a fence, of anything else a value. `joins b 0` says who
    was joined. A name of several words has underscores: `0.5 car_1 turns_green`.
    """
    section = EXERCISES[exercise].section
    events = [_event(line.split(), section) for line in text.strip().splitlines()]
    return Trace(exercise, backend, parameters, tuple(events))


def ended(*names: str) -> str:
    """Return the last lines of a run in which all of them finished."""
    lines = [f"90 {name} ends" for name in names] + [f"91 lab joins {name} 0" for name in names]
    return "\n".join([*lines, "92 lab ends_run"])


def _event(words: list[str], section: str) -> Event:
    when, who, what, *rest = (word.replace("_", " ") for word in words)
    on = None
    if what in ("requests", "enters", "leaves", "loses lease", "is refused"):
        on = section
    elif what == "joins":
        on = rest.pop(0)
    number = int(rest[0]) if rest else None
    fence, value = (number, None) if what in FENCED else (None, number)
    return Event(who, "here", 0 if who == LAB else hash(who), what, float(when), on=on, fence=fence, value=value)


TWO_BUY = """
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
