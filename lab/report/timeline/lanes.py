"""Lanes: a line of the picture for each process and each of its threads, grouped by host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.checks.lifetimes import Lifetimes
from lab.report.timeline.spans import Span
from lab.trace import LAB, Process, Trace


@dataclass(frozen=True)
class Lane:
    """A process, from its first event to its end."""

    process: Process
    start: float
    end: float


def find_lanes(trace: Trace) -> list[Lane]:
    """Return the lanes: by host, the processes by their first event, the lab last; threads follow their process."""
    ends = Lifetimes(trace)
    starts: dict[Process, float] = {}
    places: dict[tuple[object, ...], int] = {}  # where a host or a process came first
    for place, event in enumerate(trace.events):
        starts.setdefault(event.process, event.when)
        places.setdefault((event.host,), place)
        places.setdefault(_main_thread(event.process), place)

    def order(process: Process) -> tuple[int, bool, int, str]:
        return places[process[0],], process[-1] == LAB, places[_main_thread(process)], process[-1]

    return [
        Lane(process, starts[process], max(starts[process], ends.end_of(process)))
        for process in sorted(starts, key=order)
    ]


def find_rows(spans: Sequence[Span]) -> list[int]:
    """Return the row of each span in its lane: the first one that is free, so that spans of a row never overlap."""
    free: dict[Process, list[float]] = {}  # from when on each row of a lane is free
    rows = []
    for span in spans:
        ends = free.setdefault(span.process, [])
        row = next((number for number, end in enumerate(ends) if end <= span.start), len(ends))
        ends[row : row + 1] = [span.end]
        rows.append(row)
    return rows


def _main_thread(process: Process) -> Process:
    host, pid, who = process
    return host, pid, who.partition("/")[0]
