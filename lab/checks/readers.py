"""Checks of `readers`: nobody reads what is half written, and a writer is alone."""

from __future__ import annotations

from gettext import gettext as _

from lab.checks import verdicts
from lab.checks.sections import EXITS, section_events
from lab.trace import Event, Process, Trace

ROOM = "room"  # the section: where the board is that is read and written


def is_writer(who: str) -> bool:
    """Return whether an actor writes."""
    return who.startswith("writer ")


def is_torn(read: Event) -> bool:
    """Return whether the numbers that were read, which a writer writes one by one, differ."""
    return len(set((read.why or "").split())) > 1


def nothing_torn(trace: Trace) -> verdicts.Verdict:
    """Check that nobody has read what was half written."""
    reads = trace.of("reads")
    if not reads:
        return verdicts.unknown(_("nobody read"))
    for read in filter(is_torn, reads):
        before = trace.events[: trace.events.index(read)]
        entries = [event for event in before if event.what == "enters" and is_writer(event.who)]
        return verdicts.invalid(_torn_read(read, entries), *entries[-1:], read)
    return verdicts.valid(_("none of {count} reads was torn").format(count=len(reads)))


def _torn_read(read: Event, entries: list[Event]) -> str:
    if not entries:
        return _("{who} read {numbers}, which was half written").format(who=read.who, numbers=read.why)
    sentence = _("{who} read {numbers}, while {writer} was writing")
    return sentence.format(who=read.who, numbers=read.why, writer=entries[-1].who)


def writers_alone(trace: Trace) -> verdicts.Verdict:
    """Check that nobody was in the room with a writer."""
    inside: dict[Process, Event] = {}
    for event in section_events(trace, ROOM):
        if event.what in EXITS:
            inside.pop(event.process, None)
        elif event.what == "enters":
            others = [each for each in inside.values() if is_writer(each.who) or is_writer(event.who)]
            if others:
                sentence = verdicts.entered_too_early(event.who, ROOM, [others[0].who])
                return verdicts.invalid(sentence, others[0], event)
            inside[event.process] = event
    return verdicts.valid(_("every writer was alone"))


def longest_wait(trace: Trace, *, of_writers: bool) -> float | None:
    """Return the seconds that a reader, or a writer, waited for the room, at most."""
    asked: dict[Process, float] = {}
    waited = []
    for event in trace.of("requests", "enters"):
        if is_writer(event.who) != of_writers:
            continue
        if event.what == "requests":
            asked[event.process] = event.when
        elif event.process in asked:
            waited.append(event.when - asked.pop(event.process))
    return max(waited, default=None)
