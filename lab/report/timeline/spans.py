"""Spans: what a process was doing for a while, which the picture shows as bars.

Most kinds lie between two recorded events; those are declared in `RECORDED`, and a new kind needs only a line there.
Three kinds follow from a check: who was inside a section or held a permit, who believed so after its lease was lost,
and who had been killed.
"""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from lab.checks.lifetimes import Lifetimes
from lab.checks.sections import EXITS, EXPIRES, section_events
from lab.checks.waits import BEGINS, FAILS, SUCCEEDS
from lab.language import N_
from lab.trace import (
    CUT_OFF,
    PAUSES,
    RECONNECTS,
    RESUMES,
    SERVER_IS_BACK,
    SERVER_RESTARTS,
    Event,
    Process,
    Trace,
)

INSIDE, LOST, KILLED = N_("inside"), N_("lease lost"), N_("killed")


@dataclass(frozen=True)
class Kind:
    """A kind of span: the events of a process with which it begins, and those with which it ends."""

    begins: tuple[str, ...]
    ends: tuple[str, ...]
    fault: bool = False  # the picture shades it in the lanes of all processes


RECORDED: dict[str, Kind] = {
    N_("waiting"): Kind((*BEGINS, "stops"), (*SUCCEEDS, *FAILS, "passes", "buys", "gets no ticket")),
    N_("paused"): Kind((PAUSES,), (RESUMES,), fault=True),
    N_("cut off"): Kind((CUT_OFF,), (RECONNECTS,), fault=True),
    N_("server down"): Kind(SERVER_RESTARTS, (SERVER_IS_BACK,), fault=True),
    N_("green"): Kind(("turns green",), ("turns red",)),
    N_("red"): Kind(("turns red",), ("turns green",)),
}
KINDS = (*RECORDED, INSIDE, LOST, KILLED)


@dataclass(frozen=True)
class Span:
    """Something that began with an event of a process and lasted until `end`; `open` if no event ended it."""

    kind: str
    begin: Event
    end: float
    open: bool = False

    @property
    def start(self) -> float:
        """When it began."""
        return self.begin.when

    @property
    def process(self) -> Process:
        """Whose it is."""
        return self.begin.process


def find_spans(trace: Trace) -> list[Span]:
    """Return all spans of a trace, in the order of their beginnings."""
    ends = Lifetimes(trace)
    sections = dict.fromkeys(event.on or "" for event in trace.of("enters"))
    spans = [*_recorded(trace, ends), *_killed(trace)]
    for section in sections:
        events = section_events(trace, section)
        spans += [*_holds(trace, events, ends), *_lost(trace, section, events)]
    return sorted(spans, key=lambda span: (span.start, -span.end))


def _recorded(trace: Trace, ends: Lifetimes) -> Iterator[Span]:
    started: dict[tuple[str, Process], list[Event]] = defaultdict(list)
    for event in trace.events:
        for name, kind in RECORDED.items():
            begun = started[name, event.process]
            if event.what in kind.ends:
                begin = next((each for each in reversed(begun) if _belongs(each, event)), None)
                if begin is not None:
                    begun.remove(begin)
                    yield Span(name, begin, event.when)
            if event.what in kind.begins:
                begun.append(event)
    for (name, process), begun in started.items():
        yield from (Span(name, begin, max(begin.when, ends.end_of(process)), open=True) for begin in begun)


def _belongs(begin: Event, end: Event) -> bool:
    return end.on is None or begin.on in (None, end.on)


def _holds(trace: Trace, events: list[Event], ends: Lifetimes) -> Iterator[Span]:
    """Return who was inside; what is not released is held forever without leases, whether or not its holder lives."""
    holders: list[Event] = []
    for event in events:
        if event.what == "enters":
            holders.append(event)
        elif event.what in EXITS and holders:
            own = [entry for entry in holders if entry.process == event.process]
            entry = own[-1] if own else holders[0]  # another process may release it
            holders.remove(entry)
            yield Span(INSIDE, entry, event.when)
    for entry in holders:
        end = ends.last if trace.backend == "local" else ends.end_of(entry.process)
        yield Span(INSIDE, entry, max(entry.when, end), open=True)


def _lost(trace: Trace, section: str, events: list[Event]) -> Iterator[Span]:
    """Return from when to when a process believed that it was inside, although the next one had been let in."""
    expired = {(event.process, event.fence): event for event in events if event.what == EXPIRES}
    counted = {(event.process, event.fence) for event in events if event.what == "enters"}
    for event in trace.of("enters"):
        if event.on == section and (event.process, event.fence) not in counted:
            expired[event.process, event.fence] = event  # it was never inside
    for event in trace.of("loses lease"):
        if event.on == section and (event.process, event.fence) in expired:
            yield Span(LOST, expired[event.process, event.fence], event.when)


def _killed(trace: Trace) -> Iterator[Span]:
    """Return from the last sign of life of a killed process to the moment at which another one noticed."""
    last: dict[str, Event] = {}
    for event in trace.events:
        if event.what == "joins" and event.on in last and _was_killed(event.value):
            yield Span(KILLED, last[event.on], event.when)
        last[event.who] = event


def _was_killed(code: int | None) -> bool:
    return code is not None and code < 0 and code != -signal.SIGTERM  # which is how a daemon is ended
