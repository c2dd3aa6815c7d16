"""Stays: who came into a section and went out again, also where somebody could not record that he was out.

An actor records that it leaves before it lets go, and whoever comes next that it enters after it was let in. So the
order of the trace shows nobody inside too long, if each records by itself. Two do not: who was killed inside, and who
lost its lease there, for at that moment it stood still or was cut off.
"""

from __future__ import annotations

import dataclasses

from lab.trace import Event, Process, Trace

LAPSES = "lapses"  # what nobody records
ENDS = ("leaves", LAPSES)


def stays(trace: Trace, section: str) -> list[Event]:
    """Return who asks, enters and leaves, in order.

    Whoever did not leave by itself and under its lease `lapses` when the next one enters, at the latest. If it records
    only after a later grant that it had entered, it was never there.
    """
    within = [event for event in trace.of("asks", "enters", "leaves") if event.on == section]
    endless = _endless(trace, within)
    told, newest = list[Event](), 0
    lapsing: Event | None = None  # who is still inside by what is told, but need not be
    gone = set[Process]()  # whose leaving, if it comes, is none
    for number, event in enumerate(within):
        if event.what == "enters":
            if lapsing is not None:
                told.append(dataclasses.replace(lapsing, what=LAPSES, when=event.when, error=event.error))
                gone.add(lapsing.process)
                lapsing = None
            late = number in endless and (event.fence or 0) < newest
            newest = max(newest, event.fence or 0)
            if late:
                gone.add(event.process)
                continue
            gone.discard(event.process)
            lapsing = event if number in endless else None
        elif event.what == "leaves":
            if lapsing is not None and lapsing.process == event.process:
                lapsing = None
            if event.process in gone:
                continue
        told.append(event)
    return told


def lapsed(trace: Trace, section: str) -> list[str]:
    """Return who lost its lease inside."""
    return list(dict.fromkeys(event.who for event in trace.of("loses") if event.on == section))


def _endless(trace: Trace, within: list[Event]) -> set[int]:
    """Return the positions of those `enters` after which the actor did not leave by itself and under its lease."""
    lost = {(event.process, event.fence) for event in trace.of("loses")}
    endless, open_ = set[int](), dict[Process, int]()
    for number, event in enumerate(within):
        if event.what == "enters":
            open_[event.process] = number
            if (event.process, event.fence) in lost:
                endless.add(number)
        elif event.what == "leaves":
            open_.pop(event.process, None)
    waited_for = {event.on for event in trace.of("joins")}
    ended = {event.process for event in trace.of("ends")}
    cut = (number for process, number in open_.items() if process[-1] in waited_for and process not in ended)
    return endless.union(cut)
