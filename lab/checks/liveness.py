"""Who was named dead in `liveness`: whoever was killed, in time, and nobody else."""

from __future__ import annotations

from lab.checks import verdicts
from lab.checks.clocks import at_least
from lab.trace import Event, Trace


def delay(trace: Trace) -> float | None:
    """Return how long after it was killed the killed one was named; None if it was not."""
    found = _named(trace)
    return max(0.0, found[1].when - found[0].when) if found else None


def _named(trace: Trace) -> tuple[Event, Event] | None:
    for death in trace.of("dies"):
        for named in trace.of("is dead"):
            if named.on == death.who and _after(trace, named, death):
                return death, named
    return None


def _after(trace: Trace, later: Event, earlier: Event) -> bool:
    return trace.events.index(later) > trace.events.index(earlier)


def named_in_time(trace: Trace, bound: float) -> verdicts.Verdict:
    """Check that the one who was killed was named dead so many seconds later at most."""
    killed = [event.who for event in trace.of("dies")]
    if not killed:
        return verdicts.unknown("nobody was killed")
    found = _named(trace)
    if found is None:
        return verdicts.invalid(f"{killed[0]} was killed, and nobody named it dead")
    after = at_least(*found)
    if after > bound:
        return verdicts.invalid(f"{killed[0]} was named dead after {after:.2f} s, and {bound:.2f} s are promised")
    return verdicts.valid(f"{killed[0]} was killed, and named dead within {bound:.2f} s")


def wrongly(trace: Trace) -> list[Event]:
    """Return when somebody was named dead who lived."""
    deaths = {event.who: event for event in trace.of("dies")}
    named = trace.of("is dead")
    return [event for event in named if event.on not in deaths or not _after(trace, event, deaths[event.on])]


def nobody_else(trace: Trace) -> verdicts.Verdict:
    """Check that nobody was named dead who lived."""
    for event in wrongly(trace):
        return verdicts.invalid(f"{event.on} was named dead and lived")
    return verdicts.valid("nobody was named who lived")
