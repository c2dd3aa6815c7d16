"""Sections: who entered one and left it, also where an actor could not record that it was outside again.

An actor records its exit before it releases the lock, and its entry after the lock was granted. So in the order of the
trace nobody is inside for too long, as long as each records its own exit. Two actors do not: one that was killed
inside, and one that lost its lease there, because it was paused or cut off at that moment, or the server lost its data.
"""

from __future__ import annotations

import dataclasses

from lab.trace import DIES, RESTARTS_EMPTY, Event, Process, Trace

EXPIRES = "expires"  # inferred, not recorded
EXITS = ("leaves", EXPIRES)


def section_events(trace: Trace, section: str) -> list[Event]:
    """Return who asks for the section, enters it and leaves it, in order.

    An actor that did not leave by itself and under its lease `expires` when the next one enters, at the latest. If it
    recorded its entry only after a later grant, it was never inside. When the server loses its data, all who are inside
    expire.
    """
    recorded = _recorded(trace, section)
    unfinished = _unfinished_entries(trace, recorded)
    events, newest = list[Event](), 0
    doubtful: Event | None = None  # the entry of an actor that may be outside by now
    expired = set[Process]()  # they are outside already: if they record an exit, it does not count
    inside = dict[Process, Event]()
    for number, event in enumerate(recorded):
        if event.what == RESTARTS_EMPTY:
            events += [_expired(entry, event) for entry in inside.values()]
            expired.update(inside)
            inside, doubtful = {}, None
            continue
        if event.what == "enters":
            if doubtful is not None:
                events.append(_expired(doubtful, event))
                expired.add(doubtful.process)
                inside.pop(doubtful.process, None)
                doubtful = None
            late = number in unfinished and (event.fence or 0) < newest
            newest = max(newest, event.fence or 0)
            if late:
                expired.add(event.process)
                continue
            expired.discard(event.process)
            inside[event.process] = event
            doubtful = event if number in unfinished else None
        elif event.what == "leaves":
            if doubtful is not None and doubtful.process == event.process:
                doubtful = None
            if event.process in expired:
                continue
            inside.pop(event.process, None)
        events.append(event)
    return events


def max_present(trace: Trace, section: str) -> int:
    """Return how many believed at the same time that they were inside, those who had lost their lease included."""
    present, most = set[Process](), 0
    for event in trace.of("enters", "leaves", DIES):
        if event.what == "enters" and event.on == section:
            present.add(event.process)
            most = max(most, len(present))
        elif event.what == DIES or event.on == section:
            present.discard(event.process)
    return most


def lost_lease(trace: Trace, section: str) -> list[str]:
    """Return the names of those who lost their lease inside."""
    return list(dict.fromkeys(event.who for event in trace.of("loses lease") if event.on == section))


def _expired(entry: Event, at: Event) -> Event:
    return dataclasses.replace(entry, what=EXPIRES, when=at.when, error=at.error)


def _recorded(trace: Trace, section: str) -> list[Event]:
    """Return the events about the section, and the restarts of a server that loses its data."""
    events = trace.of("requests", "enters", "leaves", RESTARTS_EMPTY)
    return [event for event in events if event.on == section or event.what == RESTARTS_EMPTY]


def _unfinished_entries(trace: Trace, recorded: list[Event]) -> set[int]:
    """Return the positions of the entries after which the actor did not leave by itself and under its lease."""
    lost = {(event.process, event.fence) for event in trace.of("loses lease")}
    unfinished, open_ = set[int](), dict[Process, int]()
    for number, event in enumerate(recorded):
        if event.what == "enters":
            open_[event.process] = number
            if (event.process, event.fence) in lost:
                unfinished.add(number)
        elif event.what == "leaves":
            open_.pop(event.process, None)
        elif event.what == RESTARTS_EMPTY:  # then, and not before
            unfinished.difference_update(open_.values())
            open_.clear()
    joined = {event.on for event in trace.of("joins")}
    ended = {event.process for event in trace.of("ends")}
    killed = (number for process, number in open_.items() if process[-1] in joined and process not in ended)
    return unfinished.union(killed)
