"""Sections: who entered one and left it, also where an actor could not record that it was outside again.

An actor records its exit before it releases the lock, and its entry after the lock was granted. So in the order of the
trace nobody is inside for too long, as long as each records its own exit. Two actors do not: one that was killed
inside, and one that lost its lease there, because it was paused or cut off at that moment.
"""

from __future__ import annotations

import dataclasses

from lab.trace import Event, Process, Trace

EXPIRES = "expires"  # inferred, not recorded
EXITS = ("leaves", EXPIRES)


def section_events(trace: Trace, section: str) -> list[Event]:
    """Return who asks for the section, enters it and leaves it, in order.

    An actor that did not leave by itself and under its lease `expires` when the next one enters, at the latest. If it
    recorded its entry only after a later grant, it was never inside.
    """
    recorded = [event for event in trace.of("requests", "enters", "leaves") if event.on == section]
    unfinished = _unfinished_entries(trace, recorded)
    events, newest = list[Event](), 0
    doubtful: Event | None = None  # the entry of an actor that may be outside by now
    expired = set[Process]()  # they are outside already: if they record an exit, it does not count
    for number, event in enumerate(recorded):
        if event.what == "enters":
            if doubtful is not None:
                events.append(dataclasses.replace(doubtful, what=EXPIRES, when=event.when, error=event.error))
                expired.add(doubtful.process)
                doubtful = None
            late = number in unfinished and (event.fence or 0) < newest
            newest = max(newest, event.fence or 0)
            if late:
                expired.add(event.process)
                continue
            expired.discard(event.process)
            doubtful = event if number in unfinished else None
        elif event.what == "leaves":
            if doubtful is not None and doubtful.process == event.process:
                doubtful = None
            if event.process in expired:
                continue
        events.append(event)
    return events


def lost_lease(trace: Trace, section: str) -> list[str]:
    """Return the names of those who lost their lease inside."""
    return list(dict.fromkeys(event.who for event in trace.of("loses lease") if event.on == section))


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
    joined = {event.on for event in trace.of("joins")}
    ended = {event.process for event in trace.of("ends")}
    killed = (number for process, number in open_.items() if process[-1] in joined and process not in ended)
    return unfinished.union(killed)
