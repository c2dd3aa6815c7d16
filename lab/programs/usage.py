"""How a program used its primitives: pure functions from a trace to counts and times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.checks.metrics import percentile
from lab.trace import Event, Trace

SHARES = {"median": 0.5, "p99": 0.99, "max": 1.0}

PERMITS = {"grants": "enters"}, {"wait": ("asks", "enters"), "hold": ("enters", "leaves")}
MESSAGES = {"puts": "puts", "gets": "gets"}, {"wait": ("asks", "gets")}
# By kind of primitive: what is counted, and what is timed from one event to the next of the same process.
KINDS: dict[str, tuple[dict[str, str], dict[str, tuple[str, str]]]] = {
    "lock": PERMITS,
    "semaphore": PERMITS,
    "event": ({"sets": "sets", "wake-ups": "wakes"}, {"wait": ("waits", "wakes")}),
    "queue": MESSAGES,
    "pipe": MESSAGES,
}


@dataclass(frozen=True)
class Usage:
    """What was done with one primitive: how often, and how many seconds each time took."""

    counts: dict[str, int]
    times: dict[str, list[float]]

    def time(self, what: str, share: float) -> float | None:
        """Return the seconds that this share of the times did not exceed; None if there were none."""
        return percentile(self.times[what], share) if self.times.get(what) else None

    def figures(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        times = {f"{what}_s": {name: self.time(what, share) for name, share in SHARES.items()} for what in self.times}
        return {**self.counts, **times}


def usages(trace: Trace) -> dict[str, Usage]:
    """Return how each primitive was used, by name, in the order of their kinds and of their making."""
    events: dict[str, list[Event]] = defaultdict(list)
    for event in trace.events:
        if event.on is not None:
            events[event.on].append(event)
    return {name: _usage(name, events[name]) for name in sorted(events, key=_place)}


def _usage(name: str, events: Sequence[Event]) -> Usage:
    counted, timed = KINDS[_kind(name)]
    counts = {what: sum(event.what == kind for event in events) for what, kind in counted.items()}
    return Usage(counts, {what: _spans(events, *ends) for what, ends in timed.items()})


def _spans(events: Iterable[Event], first: str, last: str) -> list[float]:
    """Return the seconds from each `last` back to the same process's latest `first`."""
    begun: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    spans = []
    for event in events:
        mine = begun[event.who, event.host, event.pid]
        if event.what == last and mine:
            spans.append(event.when - mine.pop())
        if event.what == first:
            mine.append(event.when)
    return spans


def _kind(name: str) -> str:
    return name.partition(" ")[0]


def _place(name: str) -> tuple[int, str, int]:
    kind, number, *maker = name.split(" ", 2)
    return list(KINDS).index(kind), " ".join(maker), int(number)
