"""Checks of `philosophers`: nobody waits in a circle, and no fork is in two hands."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from lab.checks import verdicts
from lab.checks.waits import state_at_stop
from lab.formatting import join_clauses
from lab.trace import Event, Process, Trace


def no_deadlock(trace: Trace) -> verdicts.Verdict:
    """Check that nobody waits forever in a circle.

    A process records that it asks before it waits, and that it leaves before it releases. So each process of a circle
    holds what the one before it waits for, and none of them can go on.
    """
    if not trace.of("enters"):
        return verdicts.unknown(_("nobody took a fork"))
    cycle = state_at_stop(trace).cycle()
    if not cycle:
        return verdicts.valid(_("nobody waited in a circle"))
    held = [wait.on for wait in (cycle[-1], *cycle[:-1])]  # by each of them, as the one before it waits for that
    phrases = [
        _("{who} holds {held} and waits for {wanted}").format(who=wait.who, held=on, wanted=wait.on)
        for wait, on in zip(cycle, held, strict=True)
    ]
    entries = [_last_entry(trace, wait.process, on) for wait, on in zip(cycle, held, strict=True)]
    sentence = _("deadlock: {circle}").format(circle=join_clauses(phrases))
    return verdicts.invalid(sentence, *entries, *(wait.begin for wait in cycle))


def _last_entry(trace: Trace, process: Process, section: str) -> Event:
    entries = [each for each in trace.of("enters") if (each.process, each.on) == (process, section)]
    return entries[-1]


def is_deadlocked(events: Sequence[Event]) -> bool:
    """Return whether processes wait for each other in a circle after these events."""
    return bool(state_at_stop(Trace("", "", {}, tuple(events))).cycle())


def one_hand_each(trace: Trace, forks: Sequence[str]) -> verdicts.Verdict:
    """Check that no fork is in the hands of two."""
    taken = {event.on for event in trace.of("enters")}
    for fork in filter(taken.__contains__, forks):
        found = verdicts.within_limit(trace, fork, 1)
        if found.judgement is not verdicts.Judgement.VALID:
            return found
    return verdicts.valid(_("no fork was in two hands"))


def most_eating(trace: Trace) -> int:
    """Return how many ate at the same time, at most."""
    eating, most = set[str](), 0
    for event in trace.of("eats", "has eaten"):
        eating = eating | {event.who} if event.what == "eats" else eating - {event.who}
        most = max(most, len(eating))
    return most
