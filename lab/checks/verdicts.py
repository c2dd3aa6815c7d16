"""Checks: pure functions from a trace to a verdict, so that an old trace can be judged again.

A check reports what it has seen, never what it expects: without the events that it needs, the verdict is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from lab.checks.sections import EXITS, lost_lease, max_present, section_events
from lab.trace import RESTARTS_EMPTY, Event, Process, Trace


class Judgement(IntEnum):
    """The result of a check; of several, the largest counts."""

    VALID = 0
    UNKNOWN = 1
    INVALID = 2


@dataclass(frozen=True)
class Verdict:
    """A judgement and its evidence: the shortest there is, in words, and the events of the trace that show it."""

    judgement: Judgement
    evidence: str
    events: tuple[Event, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return self.judgement.name.lower()


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
        return valid("; ".join(verdict.evidence for verdict in verdicts if verdict.evidence))
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
                sentence = f"{last} entered {section} while {_names(others)} {_was(others)} still inside"
                return invalid(sentence, *inside.values())
        elif event.what in EXITS:
            inside.pop(event.process, None)
    if not entered:
        return unknown(f"nobody entered {section}")
    losers = lost_lease(trace, section)
    if not losers:
        return valid(f"never more than {limit} inside {section}")
    loss, present = f"{_names(losers)} lost the lease inside", max_present(trace, section)
    if present <= limit:
        return valid(f"never more than {limit} inside {section}; {loss}")
    if trace.of(RESTARTS_EMPTY) and not fenced:
        losses = [event for event in trace.of("loses lease") if event.on == section]
        return unknown(f"{present} were inside {section} at once: {loss}, and found out later", *losses)
    return valid(f"never more than {limit} inside {section} under a lease; {loss}, and {present} were there at once")


def all_finished(trace: Trace, expected: int) -> Verdict:
    """Check that the expected number of actors finished with exit code 0 or were killed.

    An actor that is killed, with its worker or its host, has not failed, and the run may still be right: the other
    checks judge what it did before. One that fails or never ends was not served although it lived.
    """
    if not trace.of("ends run"):
        return unknown("the trace stops before the end of the run")
    reasons = {event.who: event.why for event in trace.of("fails")}
    ended = {event.who for event in trace.of("ends")}
    joins = [event for event in trace.of("joins") if event.value != 0]
    lost = [event for event in joins if event.on in ended] if trace.of(RESTARTS_EMPTY) else []
    joins = [event for event in joins if event not in lost]
    killed = [event for event in joins if (event.value or 0) < 0 and event.on not in reasons]
    also = "".join(f"; {event.on} {_exit(event.value)}" for event in killed[:1])
    for event in joins:
        if event not in killed:
            reason = reasons.get(event.on or "")
            last = next((each for each in reversed(trace.events) if each.who == event.on), event)  # what it did last
            return unknown(f"{event.on} {_exit(event.value)}{f': {reason}' if reason else ''}{also}", last)
    finished = ended - {event.on for event in killed}
    if not finished or len(finished) + len(killed) != expected:
        return unknown(f"{len(finished)} of {expected} finished{also}")
    if not killed:
        loss = f"; the exit code of {_names([str(event.on) for event in lost])} was lost with the server's data"
        return valid(f"all {expected} finished{loss if lost else ''}")
    names = [str(event.on) for event in killed]
    others = f"all {len(finished)} others" if len(finished) > 1 else "the other one"
    return valid(f"{_names(names)} {_was(names)} killed; {others} finished")


def fences_increase(trace: Trace, section: str) -> Verdict:
    """Check that each grant has a larger fence than the one before it; a backend without fences passes.

    For a section of one: where several are inside, the first to record need not be the first to be granted.
    """
    last: Event | None = None
    for event in section_events(trace, section):
        if event.what != "enters" or event.fence is None:
            continue
        if last is not None and event.fence <= (last.fence or 0):
            return invalid(
                f"{event.who} entered after {last.who}, but its fence {event.fence} is not larger than {last.fence}",
                last,
                event,
            )
        last = event
    return valid("fences increased with every grant" if last else "")


def fences_unique(trace: Trace, section: str) -> Verdict:
    """Check that no two grants have the same fence."""
    grants: dict[int, Event] = {}
    for event in trace.of("enters"):
        if event.on == section and event.fence is not None:
            if event.fence in grants:
                first = grants[event.fence]
                return invalid(f"{event.who} and {first.who} entered with the same fence {event.fence}", first, event)
            grants[event.fence] = event
    return valid("every grant had its own fence" if grants else "")


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _was(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _exit(code: int | None) -> str:
    if code is None:
        return "had not ended when the lab gave up"
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
