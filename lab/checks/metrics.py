"""Metrics: pure functions from a trace to figures. Times are in seconds."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from statistics import median

from lab.checks.lifetimes import ENDED_BY_OTHERS, ENDS
from lab.checks.sections import EXITS, section_events
from lab.checks.waits import BEGINS, FAILS, SUCCEEDS
from lab.trace import LAB, Event, Trace

WAITING = {**dict.fromkeys(BEGINS, 1), **dict.fromkeys((*SUCCEEDS, *FAILS), -1)}

Step = tuple[float, int]  # when a number changed, and its new value


def start_time(trace: Trace) -> float:
    """Return when the run started: the moment from which all others are counted."""
    return min((event.when for event in trace.events), default=0.0)


def elapsed(trace: Trace) -> float:
    """Return how long the run took, from the start of the first process to the end of the last."""
    return max((event.when for event in trace.events), default=0.0) - start_time(trace)


def wait_times(trace: Trace, section: str) -> list[float]:
    """Return how long each actor waited to enter, in the order of entering."""
    asked: dict[str, float] = {}
    waited = []
    for event in section_events(trace, section):
        if event.what == "requests":
            asked[event.who] = event.when
        elif event.what == "enters" and event.who in asked:
            waited.append(event.when - asked.pop(event.who))
    return waited


def percentile(values: Sequence[float], fraction: float) -> float:
    """Return the smallest value that at least this fraction of them does not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(fraction * len(values)) - 1)]


def fairness(values: Sequence[float]) -> float | None:
    """Return Jain's index: 1 if all values are equal, 1/n if all but one are 0; None if all are.

    R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness and Discrimination for Resource Allocation in Shared
    Computer Systems, DEC Research Report TR-301, 1984.
    """
    squares = len(values) * sum(value * value for value in values)
    return sum(values) ** 2 / squares if squares else None


def inside_over_time(trace: Trace, section: str) -> list[Step]:
    """Return how many actors were inside the section, over time."""
    return _steps(section_events(trace, section), {"enters": 1, **dict.fromkeys(EXITS, -1)})


def waiting_over_time(trace: Trace, name: str) -> list[Step]:
    """Return how many actors waited for a section or a primitive, over time; nothing if none ever did."""
    events = [event for event in trace.of(*WAITING) if event.on == name]
    return _steps(events, WAITING) if any(event.what in BEGINS for event in events) else []


def items_over_time(trace: Trace, name: str) -> list[Step]:
    """Return how many items were in a queue or a pipe, over time, as far as their putters have recorded it."""
    steps = _steps([event for event in trace.of("puts", "gets") if event.on == name], {"puts": 1, "gets": -1})
    return [(when, max(0, count)) for when, count in steps]  # an item may be got before its `puts` is recorded


def max_inside(trace: Trace, section: str) -> int:
    """Return how many actors were inside at the same time, at most."""
    return maximum(inside_over_time(trace, section))


def max_concurrent(trace: Trace) -> int:
    """Return how many actors ran at the same time, at most."""
    running, steps = Counter[str](), []
    for event in trace.of("starts", *ENDS, *ENDED_BY_OTHERS):
        name = (event.on or "") if event.what in ENDED_BY_OTHERS else event.who
        running[name] += 1 if event.what == "starts" else -min(1, running[name])  # an end may be recorded twice
        steps.append((event.when, running.total()))
    return maximum(steps)


def maximum(steps: Sequence[Step]) -> int:
    """Return the largest number."""
    return max((count for _, count in steps), default=0)


def busy_time(trace: Trace, section: str) -> float:
    """Return for how long at least one actor was inside."""
    steps = inside_over_time(trace, section)
    return sum(after[0] - before[0] for before, after in itertools.pairwise(steps) if before[1] > 0)


def handoff_time(trace: Trace, section: str, limit: int) -> float | None:
    """Return the median time from an exit to the next entry, where the section was full and somebody waited."""
    inside = waiting = 0
    left: float | None = None
    gaps = []
    for event in section_events(trace, section):
        if event.what == "requests":
            waiting += 1
        elif event.what == "enters":
            waiting, inside = waiting - 1, inside + 1
            if left is not None:
                gaps.append(event.when - left)
            left = None
        else:
            left = event.when if event.what == "leaves" and waiting > 0 and inside == limit else None
            inside -= 1
    return median(gaps) if gaps else None


def process_count(trace: Trace) -> int:
    """Return how many processes the actors ran in."""
    return len({(event.host, event.pid) for event in _actor_events(trace)})


def hosts(trace: Trace) -> list[str]:
    """Return the hosts that the actors ran on."""
    return sorted({event.host for event in _actor_events(trace)})


def clock_uncertainty(trace: Trace) -> float:
    """Return the largest possible error of a time between two hosts' events; 0 on one clock."""
    return 2 * max((event.error for event in trace.events), default=0.0)


def _actor_events(trace: Trace) -> list[Event]:
    return [event for event in trace.events if event.who != LAB]


def _steps(events: Sequence[Event], changes: dict[str, int]) -> list[Step]:
    count, steps = 0, []
    for event in events:
        count += changes.get(event.what, 0)
        steps.append((event.when, count))
    return steps
