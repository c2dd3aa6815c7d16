"""How a program used its primitives: pure functions from a trace to counts and durations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.checks.lifetimes import Lifetimes
from lab.checks.metrics import percentile
from lab.checks.waits import BEGINS, FAILS
from lab.language import N_
from lab.trace import COUNTED, UNRECORDED, Event, Process, Trace

PERCENTILES = {"median": 0.5, "p99": 0.99, "max": 1.0}

WAIT, ROOM, HOLD = "wait", "wait for room", "hold"  # the second one is a put's

PERMITS = {N_("grants"): "enters"}, {WAIT: ("requests", "enters"), HOLD: ("enters", "leaves")}
MESSAGES = {N_("puts"): "puts", N_("gets"): "gets"}, {WAIT: ("requests", "gets"), ROOM: ("begins put", "puts")}
WAKES = {WAIT: ("waits", "wakes")}
GENERATION = "completes a generation"  # no event says this
# By kind of primitive: which events are counted, and the durations between which two events of a process.
KINDS: dict[str, tuple[dict[str, str], dict[str, tuple[str, str]]]] = {
    "lock": PERMITS,
    "semaphore": PERMITS,
    "condition": ({N_("notifications"): "notifies", N_("wake-ups"): "wakes"}, WAKES),
    "barrier": ({N_("generations"): GENERATION, N_("wake-ups"): "wakes"}, WAKES),
    "event": ({N_("sets"): "sets", N_("wake-ups"): "wakes"}, WAKES),
    "queue": MESSAGES,
    "pipe": MESSAGES,
    "value": ({N_("reads"): "reads", N_("writes"): "writes"}, {}),
    "container": ({N_("operations"): "uses"}, {}),
}


@dataclass(frozen=True)
class Usage:
    """The use of one primitive: how often each operation was done, and how many seconds it took each time."""

    counts: dict[str, int]
    times: dict[str, list[float]]

    def time(self, what: str, fraction: float) -> float | None:
        """Return the time in seconds that this fraction of the times did not exceed; None if there were none."""
        return percentile(self.times[what], fraction) if self.times.get(what) else None

    @property
    def total_wait(self) -> float:
        """How many seconds all waits together took."""
        return sum(sum(self.times.get(what, ())) for what in (WAIT, ROOM))

    def figures(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        times = {
            f"{what.replace(' ', '_')}_s": {label: self.time(what, fraction) for label, fraction in PERCENTILES.items()}
            for what in self.times
        }
        return {**self.counts, **times}


def usage_by_primitive(trace: Trace) -> dict[str, Usage]:
    """Return how each primitive was used, by its name, in the order of kinds and of creation."""
    created = {event.on or "": event for event in trace.of("creates")}
    order = list(KINDS)
    names = sorted(created, key=lambda name: order.index(created[name].why or ""))
    events: dict[str, list[Event]] = {name: [] for name in names}
    for event in trace.events:
        if event.on in events and event.what != UNRECORDED:
            events[event.on].append(event)
    ends = Lifetimes(trace)
    return {name: _usage(created[name], used, ends) for name, used in events.items() if len(used) > 1}


def _usage(created: Event, events: Sequence[Event], ends: Lifetimes) -> Usage:
    counted, timed = KINDS[created.why or ""]
    counts = {what: sum(_count(event, kind) for event in events) for what, kind in counted.items()}
    if created.why == "queue" and created.value is None:  # it always has room
        timed = {what: pair for what, pair in timed.items() if what != ROOM}
    times = {what: _durations(events, *pair, ends) for what, pair in timed.items()}
    return Usage(counts, times)


def _count(event: Event, kind: str) -> int:
    """Return how often an event says that something of this kind was done."""
    if kind == GENERATION:
        return event.what == "wakes" and event.value == 0  # one party of each has this number
    return 0 if event.what != kind else event.value or 0 if kind in COUNTED else 1


def _durations(events: Iterable[Event], first: str, last: str, ends: Lifetimes) -> list[float]:
    """Return the seconds to each `last` from the same process's latest `first`.

    A wait that failed does not count. One that never ended counts up to the end of its process. A hold that never ended
    does not: another process may have released the lock.
    """
    started: dict[Process, list[float]] = defaultdict(list)
    durations = []
    for event in events:
        starts = started[event.process]
        if event.what == last and starts:
            durations.append(event.when - starts.pop())
        elif event.what in FAILS and starts and first in BEGINS:
            starts.pop()
        if event.what == first:
            starts.append(event.when)
    if first in BEGINS:
        durations += [max(0.0, ends.end_of(process) - start) for process in started for start in started[process]]
    return durations
