"""Hand-offs: which release of a lock or permit let the next process in, and who notified whom."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from lab.checks.sections import EXITS, section_events
from lab.checks.waits import FAILS
from lab.trace import Event, Process, Trace


@dataclass(frozen=True)
class Handoff:
    """The exit of one process, and the entry of another that had waited for it; or a notification and a wake-up."""

    release: Event
    grant: Event


def find_handoffs(trace: Trace) -> list[Handoff]:
    """Return the hand-offs of all sections and primitives, in order for each."""
    names = dict.fromkeys(event.on or "" for event in trace.of("enters"))
    return [handoff for name in names for handoff in _handoffs(section_events(trace, name))]


def _handoffs(events: list[Event]) -> Iterator[Handoff]:
    """Match each entry with the oldest release since its request that let in nobody else.

    If there is none, something was free when it asked.
    """
    asked: dict[Process, int] = {}
    releases: dict[int, Event] = {}  # that let in nobody yet, by their place in the trace
    for place, event in enumerate(events):
        if event.what == "requests":
            asked[event.process] = place
        elif event.what in EXITS and asked:
            releases[place] = event
        elif event.what == "enters" and event.process in asked:
            since = asked.pop(event.process)
            release = next((each for each in releases if each > since), None)
            if release is not None:
                yield Handoff(releases.pop(release), event)
            if not asked:
                releases.clear()  # nobody asked before them


def find_notifications(trace: Trace) -> list[Handoff]:
    """Return who notified whom, for all conditions, in order for each."""
    names = dict.fromkeys(event.on for event in trace.of("notifies"))
    return [pair for name in names for pair in _notified([event for event in trace.events if event.on == name])]


def _notified(events: list[Event]) -> Iterator[Handoff]:
    """Match each wake-up with the oldest notification that has not woken as many as it notified."""
    waiting, pending = 0, deque[Event]()
    for event in events:
        if event.what == "waits":
            waiting += 1
        elif event.what in FAILS:
            waiting -= 1
            if len(pending) > waiting:
                pending.pop()
        elif event.what == "notifies":
            others = waiting - len(pending)
            pending.extend([event] * (others if event.value is None else min(event.value, others)))
        elif event.what == "wakes":
            waiting -= 1
            if pending:
                yield Handoff(pending.popleft(), event)
