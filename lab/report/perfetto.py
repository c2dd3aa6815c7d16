"""A trace file for ui.perfetto.dev and for VizTracer's viewer: the same timelines, in the trace event format.

Processes and threads are tracks, waits and holds slices, hand-offs flows, and queue lengths counters. The slices of a
thread have to be nested, and a process may release its locks in any order: so each row of a lane is a thread.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from gettext import gettext as _
from typing import Any

from lab.report.timeline.spans import INSIDE
from lab.report.timeline.timeline import Timeline
from lab.trace import MICROSECONDS, Event

DIGITS = 3  # of a time in microseconds
WITHIN = 0.001  # microseconds: a flow belongs to the slice in which its end lies, not to one that just ends there

Entry = dict[str, Any]


def perfetto_trace(timelines: Mapping[str, Timeline], metadata: Mapping[str, str]) -> str:
    """Return the text of a trace file with the timelines of several runs, by their labels."""
    numbers = itertools.count(1)
    entries = [entry for label, each in timelines.items() for entry in _Run(label, each, numbers).entries()]
    return json.dumps({"traceEvents": entries, "displayTimeUnit": "ms", "otherData": dict(metadata)})


class _Run:
    """One run; `numbers` yields those of processes, threads and flows, each once."""

    def __init__(self, label: str, timeline: Timeline, numbers: Iterator[int]) -> None:
        self._label = label
        self._timeline = timeline
        self._numbers = numbers
        self._pid = next(numbers)  # of the process that has the counters
        self._pids: dict[tuple[str, int], int] = {}  # by host and process ID
        for lane in timeline.lanes:
            self._pids.setdefault(lane.process[:2], next(numbers))
        rows = [(number, 0) for number in range(len(timeline.lanes))]
        rows += [(timeline.lane_of(span.begin), row) for span, row in zip(timeline.spans, timeline.rows, strict=True)]
        self._tids = {place: next(numbers) for place in dict.fromkeys(rows)}

    def entries(self) -> Iterator[Entry]:
        """Yield what names the tracks, and then what is on them."""
        yield from self._names()
        for span, row in zip(self._timeline.spans, self._timeline.rows, strict=True):
            name = f"{_(span.kind)} {span.begin.on or ''}".rstrip()
            duration = round(self._time(span.end) - self._time(span.start), DIGITS)
            yield self._entry("X", name, span.begin, row, cat=span.kind, dur=duration, args=_details(span.begin))
        for event in self._timeline.marks:
            name = f"{event.what} {event.on or ''}".rstrip()
            yield self._entry("i", name, event, 0, s="t", args=_details(event))
        yield from self._flows()
        for counter in self._timeline.counters:
            for when, count in counter.steps:
                track = {"pid": self._pid, "tid": 0, "ts": self._time(when)}
                yield {"ph": "C", "name": counter.title, **track, "args": {"count": count}}

    def _names(self) -> Iterator[Entry]:
        yield _name("process", self._label, pid=self._pid)
        for (host, pid), number in self._pids.items():
            names = [lane.process[-1] for lane in self._timeline.lanes if lane.process[:2] == (host, pid)]
            yield _name("process", f"{self._label}: {names[0]} ({pid} on {host})", pid=number)
        for (lane, row), tid in self._tids.items():
            process = self._timeline.lanes[lane].process
            name = process[-1] + (f" ({row + 1})" if row else "")
            yield _name("thread", name, pid=self._pids[process[:2]], tid=tid)

    def _flows(self) -> Iterator[Entry]:
        rows = zip(self._timeline.spans, self._timeline.rows, strict=True)
        holds = [(span, row) for span, row in rows if span.kind == INSIDE]
        released = {(span.begin.on, span.end): (span.begin, row) for span, row in holds}
        granted = {span.begin: row for span, row in holds}
        for handoff in self._timeline.handoffs:
            release, grant = handoff.release, handoff.grant
            name = _("hand-off") if grant.fence is None else _("fence {fence}").format(fence=grant.fence)
            number, (holder, row) = next(self._numbers), released[release.on, release.when]
            start = self._entry("s", name, holder, row, cat="hand-off", id=number)
            before = min(release.when, grant.when)  # by clocks that differ, the grant may seem to be the first
            yield {**start, "ts": max(start["ts"], self._time(before) - WITHIN)}
            end = self._entry("f", name, grant, granted[grant], cat="hand-off", id=number, bp="e")
            yield {**end, "ts": end["ts"] + WITHIN}

    def _entry(self, phase: str, name: str, event: Event, row: int, **more: Any) -> Entry:
        lane = self._timeline.lane_of(event)
        track = {"pid": self._pids[self._timeline.lanes[lane].process[:2]], "tid": self._tids[lane, row]}
        return {"ph": phase, "name": name, **track, "ts": self._time(event.when), **more}

    def _time(self, when: float) -> float:
        return round(self._timeline.time(when) * MICROSECONDS, DIGITS)


def _name(what: str, name: str, **track: int) -> Entry:
    return {"ph": "M", "name": f"{what}_name", **track, "args": {"name": name}}


def _details(event: Event) -> Entry:
    details = {name: getattr(event, name) for name in ("on", "fence", "value", "why", "line")}
    error = {"error_us": event.error * MICROSECONDS} if event.error else {}
    return {name: value for name, value in details.items() if value is not None} | error
