"""Checks: pure functions from a trace to a verdict, so that an old trace can be judged again.

Each tells what it has seen, never what it expects to be true: a check that lacks the events it needs says unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from lab.trace import LAB, Event, Trace


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
    """Check that never more than `limit` were in the section at once.

    An actor that did not end well is left out: it may have died inside, and nobody recorded when.
    """
    lost = {event.on for event in trace.of("joins") if event.value != 0}
    inside: dict[str, Event] = {}
    entered = 0
    for event in trace.of("enters", "leaves"):
        if event.on != section or event.who in lost:
            continue
        if event.what == "leaves":
            inside.pop(event.who, None)
            continue
        entered += 1
        inside[event.who] = event
        if len(inside) > limit:
            *others, last = inside
            return invalid(f"{last} entered {section} while {_list(others)} {_was(others)} still inside")
    if not entered:
        return unknown(f"nobody entered {section}")
    return valid(f"never more than {limit} inside {section}")


def all_ended(trace: Trace, expected: int) -> Verdict:
    """Check that as many actors as expected came to their end, with exit code 0."""
    if not trace.of("closes"):
        return unknown("the trace stops before the end of the run")
    reasons = {event.who: event.why for event in trace.of("fails")}
    for event in trace.of("joins"):
        if event.value != 0:
            reason = reasons.get(event.on or "")
            return unknown(f"{event.on} {_exit(event.value)}{f': {reason}' if reason else ''}")
    ended = {event.who for event in trace.of("ends")}
    if len(ended) != expected:
        return unknown(f"{len(ended)} of {expected} came to their end")
    return valid(f"all {expected} came to their end")


def fences_rise(trace: Trace, section: str) -> Verdict:
    """Check that each grant has a larger fence than the one before it; a backend without fences passes.

    For a section of one: where several are inside, who records first need not be who was let in first.
    """
    last: Event | None = None
    for event in trace.of("enters"):
        if event.on != section or event.fence is None:
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


def stock_conserved(trace: Trace, stock: int) -> Verdict:
    """Check that each ticket was sold once, and that what is left and what was sold add up."""
    buyers: dict[int | None, Event] = {}
    sales = trace.of("buys")
    for sale in sales:
        if sale.value in buyers:
            return invalid(
                f"{buyers[sale.value].who} and {sale.who} both read {(sale.value or 0) + 1} left and both bought; "
                f"{len(sales)} tickets sold, {stock} in stock"
            )
        buyers[sale.value] = sale
    left = [event.value for event in trace.of("counts") if event.who == LAB]
    if not left or left[-1] is None:
        return unknown("nobody counted what was left at the end")
    if len(sales) + left[-1] != stock:
        return invalid(f"{len(sales)} tickets sold and {left[-1]} left, of {stock}")
    return valid(f"{len(sales)} sold and {left[-1]} left, of {stock}")


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _was(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _exit(code: int | None) -> str:
    if code is None:
        return "had not ended when the lab gave up"
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
