"""The lanes: what each process did, as a line of text."""

from __future__ import annotations

from lab.report.lanes import draw_lanes
from lab.trace import DIES, LAB, PAUSES, RESUMES, Event, Trace


def event(who: str, what: str, when: float) -> Event:
    return Event(who, "host", ord(who[0]), what, when, on="job" if what in ("requests", "enters", "leaves") else None)


def test_lanes() -> None:
    trace = Trace(
        "learn",
        "virtual",
        {},
        (
            event("A", "requests", 0),
            event("A", "enters", 0),
            event("B", "requests", 1),
            event("A", PAUSES, 2),
            event("A", "leaves", 4),
            entry := event("B", "enters", 4),
            event("A", RESUMES, 6),
            event("A", DIES, 7),
            event("B", "leaves", 8),
            event(LAB, "ends run", 10),
        ),
    )
    legend, *lines = draw_lanes(trace, 23, entry).plain.splitlines()
    assert legend == "█ inside, ▄ inside and paused, ─ paused, · waiting, x killed"
    assert lines == [
        "A  ████▄▄▄▄────  x",
        "B    ······████████",
        "           ^",
        "   0 s ─────────── 10 s",
    ]
