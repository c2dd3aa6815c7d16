"""Measures: pure functions from a trace to figures. Times are seconds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from statistics import median

from lab.checks.sections import ENDS, stays
from lab.trace import LAB, Event, Trace

Step = tuple[float, int]  # when, and how many there are from then on


def begin(trace: Trace) -> float:
    """Return when the run began: what every other moment of its trace is counted from."""
    return min((event.when for event in trace.events), default=0.0)


def elapsed(trace: Trace) -> float:
    """Return how long the run took, from the start of the first process to the end of the last."""
    return max((event.when for event in trace.events), default=0.0) - begin(trace)


def waits(trace: Trace, section: str) -> list[float]:
    """Return how long each actor waited to be let in, in the order of entering."""
    asked: dict[str, float] = {}
    waited = []
    for event in stays(trace, section):
        if event.what == "asks":
            asked[event.who] = event.when
        elif event.what == "enters" and event.who in asked:
            waited.append(event.when - asked.pop(event.who))
    return waited


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of them do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def fairness(values: Sequence[float]) -> float | None:
    """Return Jain's index: 1 if all got the same, 1/n if one got everything; None if nobody got anything.

    R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness and Discrimination for Resource Allocation in Shared
    Computer Systems, DEC Research Report TR-301, 1984.
    """
    squares = len(values) * sum(value * value for value in values)
    return sum(values) ** 2 / squares if squares else None


def inside(trace: Trace, section: str) -> list[Step]:
    """Return how many were inside over time."""
    return _steps(stays(trace, section), {"enters": 1, **dict.fromkeys(ENDS, -1)})


def waiting(trace: Trace, section: str) -> list[Step]:
    """Return how many waited to be let in over time; nobody does where nobody asks."""
    asked = trace.of("asks")
    return _steps(stays(trace, section), {"asks": 1, "enters": -1}) if asked else []


def peak(trace: Trace, section: str) -> int:
    """Return how many were inside at once, at most."""
    return highest(inside(trace, section))


def crowd(trace: Trace) -> int:
    """Return how many actors ran at once, at most."""
    return highest(_steps(trace.of("starts", "ends", "fails"), {"starts": 1, "ends": -1, "fails": -1}))


def highest(steps: Sequence[Step]) -> int:
    """Return the largest number there was."""
    return max((count for _, count in steps), default=0)


def occupied(trace: Trace, section: str) -> float:
    """Return how long anybody was inside."""
    steps = inside(trace, section)
    return sum(after[0] - before[0] for before, after in itertools.pairwise(steps) if before[1] > 0)


def handover(trace: Trace, section: str, limit: int) -> float | None:
    """Return the median time from leaving a full section, with somebody waiting, to the next one's entering."""
    within = queue = 0
    left: float | None = None
    gaps = []
    for event in stays(trace, section):
        if event.what == "asks":
            queue += 1
        elif event.what == "enters":
            queue, within = queue - 1, within + 1
            if left is not None:
                gaps.append(event.when - left)
            left = None
        else:
            left = event.when if event.what == "leaves" and queue > 0 and within == limit else None
            within -= 1
    return median(gaps) if gaps else None


def processes(trace: Trace) -> int:
    """Return how many processes the actors ran in."""
    return len({(event.host, event.pid) for event in _actors(trace)})


def hosts(trace: Trace) -> list[str]:
    """Return the hosts that the actors ran on."""
    return sorted({event.host for event in _actors(trace)})


def inexact(trace: Trace) -> float:
    """Return by how much the time between two events of different hosts may be off, at most; 0 on one clock."""
    return 2 * max((event.error for event in trace.events), default=0.0)


def _actors(trace: Trace) -> list[Event]:
    return [event for event in trace.events if event.who != LAB]


def _steps(events: Sequence[Event], changes: dict[str, int]) -> list[Step]:
    count, steps = 0, []
    for event in events:
        count += changes.get(event.what, 0)
        steps.append((event.when, count))
    return steps
