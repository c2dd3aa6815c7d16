"""What locks, semaphores, conditions, barriers, events, queues and pipes promise, checked on any program's trace.

A process records that it enters after it has acquired, and that it leaves before it releases; that it begins to put
before, and that it has put after it. So what a check counts as inside or in a queue certainly was.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from gettext import gettext as _
from gettext import ngettext

from lab.checks import verdicts
from lab.formatting import join_clauses, join_list
from lab.trace import RESTARTS_EMPTY, Event, Trace


def invariants_hold(trace: Trace) -> verdicts.Verdict:
    """Check each primitive of a program; unknown if the trace has none."""
    created = trace.of("creates")
    if not created:
        return verdicts.unknown(_("no primitive is in the trace"))
    checks = [check(trace, event) for event in created for check in CHECKS[event.why or ""]]
    found = verdicts.worst([*checks, verdicts.valid("")])  # a value has no check
    if found.judgement is not verdicts.Judgement.VALID:
        return found
    losers = list(dict.fromkeys(event.who for event in trace.of("loses lease")))
    losses = [_("{names} lost a lease").format(names=join_list(losers))] if losers else []
    return verdicts.valid(join_clauses([_nothing_violated(trace, len(created)), *losses]))


def _nothing_violated(trace: Trace, count: int) -> str:
    if trace.of(RESTARTS_EMPTY):
        return ngettext(
            "no invariant of its primitive was violated, apart from what the server lost with its data",
            "no invariant of its {count} primitives was violated, apart from what the server lost with its data",
            count,
        ).format(count=count)
    return ngettext(
        "no invariant of its primitive was violated", "no invariant of its {count} primitives was violated", count
    ).format(count=count)


def _holders_within_limit(trace: Trace, created: Event) -> verdicts.Verdict:
    """Check that there were never more holders than permits, those that were killed or lost their lease apart."""
    name, limit = created.on or "", created.value or 0
    inside = 0
    for event in _of(trace, name):
        inside += {"enters": 1, "leaves": -1}.get(event.what, 0)  # a release by another process frees a permit, too
        if inside > limit:
            return verdicts.within_limit(trace, name, limit)
    return verdicts.valid("")


def _fences_increase(trace: Trace, created: Event) -> verdicts.Verdict:
    return verdicts.fences_increase(trace, created.on or "")


def _fences_unique(trace: Trace, created: Event) -> verdicts.Verdict:
    return verdicts.fences_unique(trace, created.on or "")


def _wakes_after_set(trace: Trace, created: Event) -> verdicts.Verdict:
    for event in _of(trace, created.on):
        if event.what == "sets":
            break
        if event.what == "wakes":
            sentence = _("{who} woke from {primitive}, which nobody had set")
            return verdicts.invalid(sentence.format(who=event.who, primitive=created.on), event)
    return verdicts.valid("")


def _wakes_after_notification(trace: Trace, created: Event) -> verdicts.Verdict:
    """Check that no more woke from a condition than were notified, until the server lost its data."""
    waiting = notified = 0  # at most
    for event in itertools.takewhile(lambda event: event.what != RESTARTS_EMPTY, trace.events):
        if event.on != created.on:
            continue
        waiting += {"waits": 1, "wakes": -1, "times out": -1, "gives up": -1}.get(event.what, 0)
        if event.what == "notifies":
            notified += waiting if event.value is None else event.value
        elif event.what == "wakes":
            notified -= 1
            if notified < 0:
                sentence = _("{who} woke from {primitive}, and nobody had notified it")
                return verdicts.invalid(sentence.format(who=event.who, primitive=created.on), event)
    return verdicts.valid("")


def _wakes_after_arrivals(trace: Trace, created: Event) -> verdicts.Verdict:
    """Check that nobody passed a barrier before all parties had arrived, and that each number was given to one."""
    arrived, passed = 0, Counter[int | None]()
    for event in _of(trace, created.on):
        arrived += event.what == "waits"
        if event.what == "wakes":
            passed[event.value] += 1
            if passed[event.value] > arrived // (created.value or 1):
                sentence = _("{who} passed {primitive} before all had arrived")
                return verdicts.invalid(sentence.format(who=event.who, primitive=created.on), event)
    return verdicts.valid("")


def _items_come_from_puts(trace: Trace, created: Event) -> verdicts.Verdict:
    """Check that no item was got that nobody put, and that there were never more than there is room for.

    How many items are in a queue is unknown after the server has lost its data.
    """
    counts, room = Counter[str](), created.value
    for event in trace.events:
        if event.what == RESTARTS_EMPTY:
            room = None
        if event.on != created.on:
            continue
        counts[event.what] += 1
        if counts["gets"] > counts["begins put"]:
            sentence = _("{who} got an item from {primitive} that nobody had put")
            return verdicts.invalid(sentence.format(who=event.who, primitive=created.on), event)
        if room is not None and counts["puts"] - counts["requests"] > room:
            sentence = _("{who} put more than {room} items into {primitive}")
            return verdicts.invalid(sentence.format(who=event.who, room=room, primitive=created.on), event)
    return verdicts.valid("")


def _of(trace: Trace, name: str | None) -> list[Event]:
    return [event for event in trace.events if event.on == name]


CHECKS: dict[str, tuple[Callable[[Trace, Event], verdicts.Verdict], ...]] = {
    "lock": (_holders_within_limit, _fences_increase),
    "semaphore": (_holders_within_limit, _fences_unique),
    "condition": (_wakes_after_notification,),
    "barrier": (_wakes_after_arrivals,),
    "event": (_wakes_after_set,),
    "queue": (_items_come_from_puts,),
    "pipe": (_items_come_from_puts,),
    "value": (),
    "container": (),
}
