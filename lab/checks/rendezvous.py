"""Checks of `rendezvous`: nobody begins a phase before all have finished the one before it."""

from __future__ import annotations

from collections import Counter, defaultdict
from gettext import gettext as _

from lab.checks import verdicts
from lab.formatting import fill_in, join_clauses, join_names
from lab.trace import Event, Trace

BARRIER = "barrier"  # on: what the processes wait at


def phases_apart(trace: Trace, names: list[str]) -> verdicts.Verdict:
    """Check that nobody begins a phase before all of these have finished the one before it.

    A process records that it has finished before it waits, and that it begins after that.
    """
    if not trace.of("begins phase"):
        return verdicts.unknown(_("nobody began a phase"))
    for event in early_starts(trace, names):
        phase = (event.value or 0) - 1
        before = trace.events[: trace.events.index(event)]
        finished = {each.who for each in before if each.what == "finishes phase" and each.value == phase}
        late = [who for who in names if who not in finished]
        begun = [each for each in before if each.who in late and each.what == "begins phase" and each.value == phase]
        sentence = _("{who} began phase {begun} before {others} had finished phase {phase}")
        sentence = fill_in(sentence, who=event.who, begun=event.value, others=join_names(late), phase=phase)
        return verdicts.invalid(sentence, *begun, event)
    sentence = _("nobody began a phase before all had finished the one before it")
    return verdicts.valid(join_clauses([sentence, *_broken(trace)]))


def _broken(trace: Trace) -> list[str]:
    """Return who found the barrier broken, and why, as far as it says so."""
    found = trace.of("gives up")
    if not found:
        return []
    names, reason = join_names([event.who for event in found]), found[0].why
    if reason is None:
        return [fill_in(_("{names} found the barrier broken"), names=names)]
    return [fill_in(_("{names} found the barrier broken ({reason})"), names=names, reason=reason)]


def early_starts(trace: Trace, names: list[str]) -> list[Event]:
    """Return the events in which somebody began a phase before all of these had finished the one before it."""
    finished: dict[int, set[str]] = defaultdict(set)
    early = []
    for event in trace.of("begins phase", "finishes phase"):
        phase = event.value or 0
        if event.what == "finishes phase":
            finished[phase].add(event.who)
        elif phase > 1 and not finished[phase - 1].issuperset(names):
            early.append(event)
    return early


def numbers_differ(trace: Trace) -> verdicts.Verdict:
    """Check that the barrier gave a different number to each process, every time."""
    passed = Counter[str]()
    seen: dict[tuple[int, int | None], Event] = {}
    for event in trace.of("wakes"):
        passed[event.who] += 1
        first = seen.setdefault((passed[event.who], event.value), event)
        if first is not event:
            sentence = _("the barrier returned {number} to {first} and to {second}")
            sentence = sentence.format(number=event.value, first=first.who, second=event.who)
            return verdicts.invalid(sentence, first, event)
    return verdicts.valid("")


def longest_wait(trace: Trace) -> float | None:
    """Return the seconds that a process waited for the others, at most."""
    since: dict[str, float] = {}
    waited = []
    for event in trace.of("waits", "wakes"):
        if event.what == "waits":
            since[event.who] = event.when
        elif event.who in since:
            waited.append(event.when - since.pop(event.who))
    return max(waited, default=None)
