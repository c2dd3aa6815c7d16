"""Clocks: when something happened on several hosts, and how exactly that can be told.

With its first and its last event each process measures by how much the server's clock is ahead of its host's monotonic
one. The server's was read at some moment between request and reply, so a measurement is exact to half a round trip,
however long that took.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from lab.trace import Event, Process

Reading = tuple[float, float]  # by how much the server's clock is ahead, and how far off that may be


def settled(events: Sequence[Event]) -> tuple[Event, ...]:
    """Return the events, their moments and errors as all measurements tell them, also those made later.

    One of the clocks may run faster, or be stepped. So an event may lie anywhere between what its process measured at
    its beginning and at its end; of one that was killed, between whatever was measured on its host. Within a process
    differences stay exact.
    """
    own, hosts = dict[Process, list[Reading]](), dict[str, list[Reading]]()
    for event in events:
        if event.offset is not None:
            for readings in (own.setdefault(event.process, []), hosts.setdefault(event.host, [])):
                readings.append((event.offset, event.error))
    first = {process: readings[0][0] for process, readings in own.items()}
    errors = {
        process: max(
            abs(offset - first[process]) + error
            for offset, error in (readings if len(readings) > 1 else hosts[process[0]])
        )
        for process, readings in own.items()
    }
    used, moved = dict[Process, float](), list[Event]()
    for event in events:
        if event.offset is not None:
            used[event.process] = event.offset
        if event.process in used:  # if not, its clock is the trace's
            moment = event.when - used[event.process] + first[event.process]
            event = dataclasses.replace(event, when=moment, error=errors[event.process])
        moved.append(event)
    return tuple(moved)


def at_least(earlier: Event, later: Event) -> float:
    """Return how many seconds surely passed between two events; less than 0 if it may be that none did."""
    return later.when - earlier.when - bound(earlier, later)


def bound(one: Event, other: Event) -> float:
    """Return by how much the time between two events may be other than their moments say."""
    return 0.0 if one.process == other.process else one.error + other.error
