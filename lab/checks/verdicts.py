"""Checks: pure functions from a trace to a verdict, so that an old trace can be judged again.

A check reports what it has seen, never what it expects: without the events that it needs, the verdict is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from gettext import gettext as _
from gettext import ngettext

from lab.checks.sections import EXITS, lost_lease, max_present, section_events
from lab.formatting import fill_in, first_names, join_clauses
from lab.language import N_
from lab.trace import RESTARTS_EMPTY, Event, Process, Trace


class Judgement(IntEnum):
    """The result of a check; of several, the largest counts."""

    VALID = 0
    UNKNOWN = 1
    INVALID = 2

    @property
    def key(self) -> str:
        """Its name for programs, the same in every language."""
        return self.name.lower()

    @property
    def word(self) -> str:
        """Its name for people, in the language of the lab."""
        return _(WORDS[self])


WORDS = {Judgement.VALID: N_("valid"), Judgement.UNKNOWN: N_("unknown"), Judgement.INVALID: N_("invalid")}
MAX_NAMES = 3  # in a sentence


@dataclass(frozen=True)
class Verdict:
    """A judgement and its evidence: the shortest there is, in words, and the events of the trace that show it."""

    judgement: Judgement
    evidence: str
    events: tuple[Event, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return self.judgement.word


def valid(evidence: str) -> Verdict:
    """Return the verdict that the run was right."""
    return Verdict(Judgement.VALID, evidence)


def unknown(evidence: str, *events: Event) -> Verdict:
    """Return the verdict that the trace does not tell."""
    return Verdict(Judgement.UNKNOWN, evidence, events)


def invalid(evidence: str, *events: Event) -> Verdict:
    """Return the verdict that the run was wrong, as these events show."""
    return Verdict(Judgement.INVALID, evidence, events)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the first of the worst verdicts; if all are valid, one with the evidence of all."""
    first = max(verdicts, key=lambda verdict: verdict.judgement)
    if first.judgement is Judgement.VALID:
        return valid(join_clauses([verdict.evidence for verdict in verdicts if verdict.evidence]))
    return first


def within_limit(trace: Trace, section: str, limit: int, fenced: bool = False) -> Verdict:
    """Check that never more than `limit` actors were in the section at the same time.

    An actor that has lost its lease does not count. If all have lost it at once, as the server has lost its data, they
    go on in the section while others enter. That is right only where their writes are refused by their fence.
    """
    inside: dict[Process, Event] = {}
    entered = False
    for event in section_events(trace, section):
        if event.what == "enters":
            entered = True
            inside[event.process] = event
            if len(inside) > limit:
                *others, last = (event.who for event in inside.values())
                return invalid(entered_too_early(last, section, others), *inside.values())
        elif event.what in EXITS:
            inside.pop(event.process, None)
    if not entered:
        return unknown(_("nobody entered {section}").format(section=section))
    return _with_losses(trace, section, limit, fenced)


def entered_too_early(who: str, section: str, others: Sequence[str]) -> str:
    """Return who entered a section while others were inside."""
    sentence = ngettext(
        "{who} entered {section} while {others} was still inside",
        "{who} entered {section} while {others} were still inside",
        len(others),
    )
    return fill_in(sentence, who=who, section=section, others=first_names(others, MAX_NAMES))


def _with_losses(trace: Trace, section: str, limit: int, fenced: bool) -> Verdict:
    """Return the verdict on a section in which never too many were under a lease."""
    losers, present = lost_lease(trace, section), max_present(trace, section)
    names = first_names(losers, MAX_NAMES)
    if not losers:
        return valid(_("never more than {limit} inside {section}").format(limit=limit, section=section))
    if present <= limit:
        sentence = _("never more than {limit} inside {section}; {names} lost the lease inside")
        return valid(fill_in(sentence, limit=limit, section=section, names=names))
    if trace.of(RESTARTS_EMPTY) and not fenced:
        losses = [event for event in trace.of("loses lease") if event.on == section]
        sentence = _("{present} were inside {section} at once: {names} lost the lease inside, and found out later")
        return unknown(fill_in(sentence, present=present, section=section, names=names), *losses)
    sentence = _(
        "never more than {limit} inside {section} under a lease; {names} lost the lease inside, and {present} were "
        "there at once"
    )
    return valid(fill_in(sentence, limit=limit, section=section, names=names, present=present))


def all_finished(trace: Trace, expected: int) -> Verdict:
    """Check that the expected number of actors finished with exit code 0 or were killed.

    An actor that is killed, with its worker or its host, has not failed, and the run may still be right: the other
    checks judge what it did before. One that fails or never ends was not served although it lived.
    """
    if not trace.of("ends run"):
        return unknown(_("the trace stops before the end of the run"))
    reasons = {event.who: event.why for event in trace.of("fails")}
    ended = {event.who for event in trace.of("ends")}
    joins = [event for event in trace.of("joins") if event.value != 0]
    lost = [event for event in joins if event.on in ended] if trace.of(RESTARTS_EMPTY) else []
    joins = [event for event in joins if event not in lost]
    killed = [event for event in joins if (event.value or 0) < 0 and event.on not in reasons]
    also = [_ended(event) for event in killed[:1]]
    for event in joins:
        if event not in killed:
            last = next((each for each in reversed(trace.events) if each.who == event.on), event)  # what it did last
            return unknown(join_clauses([_ended(event, reasons.get(event.on or "")), *also]), last)
    finished = ended - {event.on for event in killed}
    if not finished or len(finished) + len(killed) != expected:
        sentence = _("{count} of {expected} finished").format(count=len(finished), expected=expected)
        return unknown(join_clauses([sentence, *also]))
    if killed:
        others = ngettext("the other one finished", "all {count} others finished", len(finished))
        return valid(join_clauses([_were_killed(killed), others.format(count=len(finished))]))
    return valid(join_clauses([_("all {count} finished").format(count=expected), *_lost_exit_codes(lost)]))


def _were_killed(joins: Sequence[Event]) -> str:
    names = first_names([str(event.on) for event in joins], MAX_NAMES)
    return fill_in(ngettext("{names} was killed", "{names} were killed", len(joins)), names=names)


def _lost_exit_codes(joins: Sequence[Event]) -> list[str]:
    if not joins:
        return []
    names = first_names([str(event.on) for event in joins], MAX_NAMES)
    return [fill_in(_("the exit code of {names} was lost with the server's data"), names=names)]


def fences_increase(trace: Trace, section: str) -> Verdict:
    """Check that each grant has a larger fence than the one before it; a backend without fences passes.

    For a section of one: where several are inside, the first to record need not be the first to be granted.
    """
    last: Event | None = None
    for event in section_events(trace, section):
        if event.what != "enters" or event.fence is None:
            continue
        if last is not None and event.fence <= (last.fence or 0):
            sentence = _("{who} entered after {other}, but its fence {fence} is not larger than {last}")
            sentence = sentence.format(who=event.who, other=last.who, fence=event.fence, last=last.fence)
            return invalid(sentence, last, event)
        last = event
    return valid(_("fences increased with every grant") if last else "")


def fences_unique(trace: Trace, section: str) -> Verdict:
    """Check that no two grants have the same fence."""
    grants: dict[int, Event] = {}
    for event in trace.of("enters"):
        if event.on == section and event.fence is not None:
            if event.fence in grants:
                first = grants[event.fence]
                sentence = _("{who} and {other} entered with the same fence {fence}")
                sentence = sentence.format(who=event.who, other=first.who, fence=event.fence)
                return invalid(sentence, first, event)
            grants[event.fence] = event
    return valid(_("every grant had its own fence") if grants else "")


def _ended(join: Event, reason: str | None = None) -> str:
    """Return how the actor that was joined ended, and the reason that it recorded itself."""
    who, code = join.on, join.value
    if code is None:
        ended = _("{who} had not ended when the lab gave up").format(who=who)
    elif code < 0:
        ended = _("{who} was killed by signal {number}").format(who=who, number=-code)
    else:
        ended = _("{who} ended with exit code {code}").format(who=who, code=code)
    return _("{sentence}: {reason}").format(sentence=ended, reason=reason) if reason else ended
