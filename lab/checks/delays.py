"""Delays: how late an event may be because the machine was busy.

During a run, the lab measures how late a sleeping thread wakes up; so does the monitor of `liveness`, which may be on
another host. A check subtracts an allowance for such delays, as it subtracts the uncertainty of clocks: what is left
surely took that long for another reason.
"""

from __future__ import annotations

from lab.trace import DELAY, MICROSECONDS, Trace

DELAYS = 3  # from one event to another several processes may be delayed in turn: an actor, the server, an actor again


def allowance(trace: Trace) -> float:
    """Return the seconds by which an event may be late because the machine was busy."""
    return allow_for(max((event.value or 0 for event in trace.of(DELAY)), default=0) / MICROSECONDS)


def allow_for(longest: float) -> float:
    """Return the allowance where the longest delay of one process is so many seconds."""
    return DELAYS * longest
