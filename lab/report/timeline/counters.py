"""Counters: how many processes waited for a section or a primitive, and how many items a queue had, over time."""

from __future__ import annotations

from dataclasses import dataclass
from gettext import gettext as _

from lab.checks import metrics
from lab.checks.waits import BEGINS, SUCCEEDS
from lab.trace import COUNTED, Trace


@dataclass(frozen=True)
class Counter:
    """A number over time, of a section or a primitive."""

    title: str
    on: str
    steps: list[metrics.Step]


def primitive_names(trace: Trace) -> list[str]:
    """Return the names of the sections and primitives that processes used."""
    processes = {event.who for event in trace.events} | {event.on for event in trace.of("joins")}
    names = dict.fromkeys(event.on for event in trace.of(*BEGINS, *SUCCEEDS, "sets", "clears", *COUNTED))
    return [name for name in names if name and name not in processes]


def find_counters(trace: Trace) -> list[Counter]:
    """Return the counters that are ever above 0, those with the largest peak first."""
    counters = [
        counter
        for name in primitive_names(trace)
        for counter in (
            Counter(_("waiting for {name}").format(name=name), name, metrics.waiting_over_time(trace, name)),
            Counter(_("items in {name}").format(name=name), name, metrics.items_over_time(trace, name)),
        )
    ]
    found = [counter for counter in counters if metrics.maximum(counter.steps)]
    return sorted(found, key=lambda counter: -metrics.maximum(counter.steps))
