"""Marks: single events that the picture shows; all kinds are declared here.

An event of a kind that is not declared is shown as a dot, so nothing that was recorded is missing from the picture.
"""

from __future__ import annotations

from lab.report.timeline.spans import RECORDED
from lab.trace import DELAY, Event, Trace

DOT = "dot"
SHAPES: dict[str, str] = {  # by what happened
    **dict.fromkeys(("puts", "sends"), "up"),  # a message leaves
    **dict.fromkeys(("gets", "receives", "receives pid", "receives report", "is greeted"), "down"),  # one arrives
    **dict.fromkeys(("sets", "notifies", "releases", "releases waiter"), "diamond"),
    **dict.fromkeys(("clears", "wakes", "is released"), "hollow"),
    **dict.fromkeys(("buys", "passes", "increments", "writes", "eats"), "square"),
    **dict.fromkeys(("fails", "dies", "is dead", "is refused", "gets no ticket", "loses lease"), "cross"),
    **dict.fromkeys(("times out", "gives up", "stops run"), "bar"),
}
# What the picture shows as the beginning or the end of a bar, and what is not an act of its process.
_BARS = {what for kind in RECORDED.values() for what in kind.begins} | {"enters", "leaves", "resumes", DELAY}


def find_marks(trace: Trace) -> list[Event]:
    """Return the events that have a mark, in order."""
    return [event for event in trace.events if event.what not in _BARS]


def shape_of(event: Event) -> str:
    """Return the shape of an event's mark."""
    return SHAPES.get(event.what, DOT)
