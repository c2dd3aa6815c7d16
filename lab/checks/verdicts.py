"""Checks: pure functions from a trace to a verdict, so that an old trace can be judged again.

Each tells what it has seen, never what it expects to be true: a check that lacks the events it needs says unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from lab.checks.sections import ENDS, lapsed, stays
from lab.trace import Event, Process, Trace


class Judgement(IntEnum):
    """What a check comes to; the larger one outweighs."""

    VALID = 0
    UNKNOWN = 1
    INVALID = 2


@dataclass(frozen=True)
class Verdict:
    """A judgement and its evidence, the shortest there is, in words."""

    judgement: Judgement
    evidence: str

    def __str__(self) -> str:
        return self.judgement.name.lower()


def valid(evidence: str) -> Verdict:
    """Return the verdict that all is right."""
    return Verdict(Judgement.VALID, evidence)


def unknown(evidence: str) -> Verdict:
    """Return the verdict that it cannot be told."""
    return Verdict(Judgement.UNKNOWN, evidence)


def invalid(evidence: str) -> Verdict:
    """Return the verdict that something is wrong."""
    return Verdict(Judgement.INVALID, evidence)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the first of the weightiest verdicts, or all their evidence if nothing is wrong."""
    first = max(verdicts, key=lambda verdict: verdict.judgement)
    if first.judgement is Judgement.VALID:
        return valid("; ".join(verdict.evidence for verdict in verdicts if verdict.evidence))
    return first


def at_most(trace: Trace, section: str, limit: int) -> Verdict:
    """Check that never more than `limit` were in the section at once."""
    inside: dict[Process, Event] = {}
    entered = 0
    for event in stays(trace, section):
        if event.what == "enters":
            entered += 1
            inside[event.process] = event
            if len(inside) > limit:
                *others, last = (event.who for event in inside.values())
                return invalid(f"{last} entered {section} while {_list(others)} {_was(others)} still inside")
        elif event.what in ENDS:
            inside.pop(event.process, None)
    if not entered:
        return unknown(f"nobody entered {section}")
    lost = lapsed(trace, section)
    return valid(f"never more than {limit} inside {section}{f'; {_list(lost)} lost the lease there' if lost else ''}")


def all_ended(trace: Trace, expected: int) -> Verdict:
    """Check that as many actors as expected came to their end, with exit code 0, or were killed.

    Who is killed, with its worker or its host, has failed in nothing, and keeps nobody else from passing: what it did
    until then the other checks have judged. Who fails, or never ends, is alive and was not served.
    """
    if not trace.of("closes"):
        return unknown("the trace stops before the end of the run")
    reasons = {event.who: event.why for event in trace.of("fails")}
    joins = [event for event in trace.of("joins") if event.value != 0]
    killed = [event for event in joins if (event.value or 0) < 0 and event.on not in reasons]
    also = "".join(f"; {event.on} {_exit(event.value)}" for event in killed[:1])
    for event in joins:
        if event not in killed:
            reason = reasons.get(event.on or "")
            return unknown(f"{event.on} {_exit(event.value)}{f': {reason}' if reason else ''}{also}")
    ended = {event.who for event in trace.of("ends")} - {event.on for event in killed}
    if not ended or len(ended) + len(killed) != expected:
        return unknown(f"{len(ended)} of {expected} came to their end{also}")
    if not killed:
        return valid(f"all {expected} came to their end")
    names = [str(event.on) for event in killed]
    others = f"all {len(ended)} others came to their" if len(ended) > 1 else "the other one came to its"
    return valid(f"{_list(names)} {_was(names)} killed; {others} end")


def fences_rise(trace: Trace, section: str) -> Verdict:
    """Check that each grant has a larger fence than the one before it; a backend without fences passes.

    For a section of one: where several are inside, who records first need not be who was let in first.
    """
    last: Event | None = None
    for event in stays(trace, section):
        if event.what != "enters" or event.fence is None:
            continue
        if last is not None and event.fence <= (last.fence or 0):
            return invalid(
                f"{event.who} was let in after {last.who}, but its fence {event.fence} is not above {last.fence}"
            )
        last = event
    return valid("fences only rise" if last else "")


def fences_differ(trace: Trace, section: str) -> Verdict:
    """Check that no two grants have the same fence."""
    seen: dict[int, Event] = {}
    for event in trace.of("enters"):
        if event.on == section and event.fence is not None:
            if event.fence in seen:
                return invalid(f"{event.who} and {seen[event.fence].who} were let in with the same fence {event.fence}")
            seen[event.fence] = event
    return valid("every grant has a fence of its own" if seen else "")


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _was(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _exit(code: int | None) -> str:
    if code is None:
        return "had not ended when the lab gave up"
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
