"""Clocks: when events on several hosts happened, and how exactly that is known.

With its first and its last event, each process measures by how much the server's clock is ahead of its host's
monotonic clock. The server's clock was read at some moment between request and reply, so a measurement is exact to
half a round trip.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from lab.trace import Event, Process

Measurement = tuple[float, float]  # by how much the server's clock is ahead, and the largest error of that


def align_clocks(events: Sequence[Event]) -> tuple[Event, ...]:
    """Return the events with times and errors that fit all measurements, also those made later.

    A clock may run fast or be stepped. So the offset of a process may be anything between what it measured at its
    start and at its end; that of a killed process, between whatever was measured on its host. Differences between
    times of one process stay exact.
    """
    own, hosts = dict[Process, list[Measurement]](), dict[str, list[Measurement]]()
    for event in events:
        if event.offset is not None:
            for measurements in (own.setdefault(event.process, []), hosts.setdefault(event.host, [])):
                measurements.append((event.offset, event.error))
    first = {process: measurements[0][0] for process, measurements in own.items()}
    errors = {
        process: max(
            abs(offset - first[process]) + error
            for offset, error in (measurements if len(measurements) > 1 else hosts[process[0]])
        )
        for process, measurements in own.items()
    }
    used, aligned = dict[Process, float](), list[Event]()
    for event in events:
        if event.offset is not None:
            used[event.process] = event.offset
        if event.process in used:  # otherwise its clock is the trace's
            when = event.when - used[event.process] + first[event.process]
            event = dataclasses.replace(event, when=when, error=errors[event.process])
        aligned.append(event)
    return tuple(aligned)


def min_elapsed(earlier: Event, later: Event) -> float:
    """Return the shortest time in seconds that may have passed between two events; negative if maybe none did."""
    return later.when - earlier.when - uncertainty(earlier, later)


def uncertainty(one: Event, other: Event) -> float:
    """Return the largest error of the time between two events."""
    return 0.0 if one.process == other.process else one.error + other.error
