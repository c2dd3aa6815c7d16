"""How a program used its primitives: pure functions from a trace to counts and durations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.checks.metrics import percentile
from lab.trace import Event, Process, Trace

PERCENTILES = {"median": 0.5, "p99": 0.99, "max": 1.0}

PERMITS = {"grants": "enters"}, {"wait": ("requests", "enters"), "hold": ("enters", "leaves")}
MESSAGES = {"puts": "puts", "gets": "gets"}, {"wait": ("requests", "gets")}
# By kind of primitive: which events are counted, and the durations between which two events of a process.
KINDS: dict[str, tuple[dict[str, str], dict[str, tuple[str, str]]]] = {
    "lock": PERMITS,
    "semaphore": PERMITS,
    "event": ({"sets": "sets", "wake-ups": "wakes"}, {"wait": ("waits", "wakes")}),
    "queue": MESSAGES,
    "pipe": MESSAGES,
}


@dataclass(frozen=True)
class Usage:
    """The use of one primitive: how often each operation was done, and how many seconds it took each time."""

    counts: dict[str, int]
    times: dict[str, list[float]]

    def time(self, what: str, fraction: float) -> float | None:
        """Return the time in seconds that this fraction of the times did not exceed; None if there were none."""
        return percentile(self.times[what], fraction) if self.times.get(what) else None

    def figures(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        times = {
            f"{what}_s": {label: self.time(what, fraction) for label, fraction in PERCENTILES.items()}
            for what in self.times
        }
        return {**self.counts, **times}


def usage_by_primitive(trace: Trace) -> dict[str, Usage]:
    """Return how each primitive was used, by its name, in the order of kinds and of creation."""
    events: dict[str, list[Event]] = defaultdict(list)
    for event in trace.events:
        if event.on is not None:
            events[event.on].append(event)
    return {name: _usage(name, events[name]) for name in sorted(events, key=_sort_key)}


def _usage(name: str, events: Sequence[Event]) -> Usage:
    counted, timed = KINDS[_kind(name)]
    counts = {what: sum(event.what == kind for event in events) for what, kind in counted.items()}
    return Usage(counts, {what: _durations(events, *pair) for what, pair in timed.items()})


def _durations(events: Iterable[Event], first: str, last: str) -> list[float]:
    """Return the seconds to each `last` from the same process's latest `first`."""
    started: dict[Process, list[float]] = defaultdict(list)
    durations = []
    for event in events:
        starts = started[event.process]
        if event.what == last and starts:
            durations.append(event.when - starts.pop())
        if event.what == first:
            starts.append(event.when)
    return durations


def _kind(name: str) -> str:
    return name.partition(" ")[0]


def _sort_key(name: str) -> tuple[int, str, int]:
    kind, number, *creator = name.split(" ", 2)
    return list(KINDS).index(kind), " ".join(creator), int(number)
