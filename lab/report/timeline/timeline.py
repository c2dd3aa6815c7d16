"""The timeline: everything that the picture of one run shows, with times in seconds since the run's start."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lab.checks.metrics import elapsed, start_time
from lab.report.timeline.counters import Counter, find_counters, primitive_names
from lab.report.timeline.handoffs import Handoff, find_handoffs, find_notifications
from lab.report.timeline.lanes import Lane, find_lanes, find_rows
from lab.report.timeline.marks import find_marks, shape_of
from lab.report.timeline.spans import RECORDED, Span, find_spans
from lab.trace import STOP, Event, Process, Trace

DIGITS = 6  # of a time: microseconds


@dataclass(frozen=True)
class Timeline:
    """What the picture of a run shows; what happened after the lab had stopped a program is no part of it."""

    trace: Trace

    @cached_property
    def lanes(self) -> list[Lane]:
        """A lane for each process."""
        return find_lanes(self._shown)

    @cached_property
    def spans(self) -> list[Span]:
        """The bars, in the order of their beginnings."""
        return find_spans(self._shown)

    @cached_property
    def rows(self) -> list[int]:
        """The row of each span in its lane."""
        return find_rows(self.spans)

    @cached_property
    def marks(self) -> list[Event]:
        """The events that have a mark."""
        return find_marks(self._shown)

    @cached_property
    def handoffs(self) -> list[Handoff]:
        """Which release let whom in."""
        return find_handoffs(self._shown)

    @cached_property
    def notifications(self) -> list[Handoff]:
        """Who notified whom."""
        return find_notifications(self._shown)

    @cached_property
    def counters(self) -> list[Counter]:
        """Waiting processes and items over time."""
        return find_counters(self._shown)

    @cached_property
    def primitives(self) -> list[str]:
        """The names of the sections and primitives that were used."""
        return primitive_names(self._shown)

    @cached_property
    def elapsed(self) -> float:
        """How long the run took."""
        return elapsed(self._shown)

    def time(self, when: float) -> float:
        """Return a time of the trace as seconds since the run's start."""
        return round(when - self._start, DIGITS)

    def lane_of(self, event: Event) -> int:
        """Return the number of the lane that an event belongs to."""
        by_process, by_name = self._lane_numbers
        return by_process.get(event.process, by_name.get(event.who, 0))

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "elapsed": round(self.elapsed, DIGITS),
            "lanes": [self._lane(lane) for lane in self.lanes],
            "spans": [self._span(span, row) for span, row in zip(self.spans, self.rows, strict=True)],
            "marks": [self._mark(event) for event in self.marks],
            "arrows": [self._arrow(handoff) for handoff in (*self.handoffs, *self.notifications)],
            "counters": [self._counter(counter) for counter in self.counters],
        }

    def place(self, event: Event) -> dict[str, Any]:
        """Return where an event is in the picture."""
        return {"lane": self.lane_of(event), "time": self.time(event.when)}

    @cached_property
    def _shown(self) -> Trace:
        events = self.trace.events
        stops = [number for number, event in enumerate(events) if event.what == STOP]
        return dataclasses.replace(self.trace, events=events[: stops[0] + 1]) if stops else self.trace

    @cached_property
    def _start(self) -> float:
        return start_time(self._shown)

    @cached_property
    def _lane_numbers(self) -> tuple[dict[Process, int], dict[str, int]]:
        processes = [lane.process for lane in self.lanes]
        return (
            {process: number for number, process in enumerate(processes)},
            {process[-1]: number for number, process in enumerate(processes)},
        )

    def _lane(self, lane: Lane) -> dict[str, Any]:
        host, pid, who = lane.process
        return {"host": host, "pid": pid, "who": who, "start": self.time(lane.start), "end": self.time(lane.end)}

    def _span(self, span: Span, row: int) -> dict[str, Any]:
        return {
            **self._event(span.begin),
            "kind": span.kind,
            "row": row,
            "end": self.time(span.end),
            **_given(open=span.open, fault=span.kind in RECORDED and RECORDED[span.kind].fault),
        }

    def _mark(self, event: Event) -> dict[str, Any]:
        return {**self._event(event), "shape": shape_of(event)}

    def _arrow(self, handoff: Handoff) -> dict[str, Any]:
        grant = handoff.grant
        return {
            "from": self.place(handoff.release),
            "to": self.place(grant),
            **_given(on=grant.on, fence=grant.fence, error=grant.error or None),
        }

    def _counter(self, counter: Counter) -> dict[str, Any]:
        steps = [(self.time(when), count) for when, count in counter.steps]
        return {"title": counter.title, "on": counter.on, "steps": steps}

    def _event(self, event: Event) -> dict[str, Any]:
        fields = {name: getattr(event, name) for name in ("on", "fence", "value", "why", "line")}
        return {**self.place(event), "what": event.what, **_given(**fields, error=event.error or None)}


def _given(**values: object) -> dict[str, object]:
    """Return the values that there are."""
    return {name: value for name, value in values.items() if value is not None and value is not False}
