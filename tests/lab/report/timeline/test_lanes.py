"""Lanes: in which order, and how bars share one."""

from __future__ import annotations

import dataclasses

from lab.report.timeline.lanes import find_lanes, find_rows
from lab.report.timeline.spans import find_spans
from lab.trace import Trace
from tests.support.traces import TWO_BUYERS, event, parse_trace


def test_processes_by_their_first_event_and_the_lab_last():
    lanes = find_lanes(parse_trace(TWO_BUYERS))
    assert [(lane.process[-1], lane.start, lane.end) for lane in lanes] == [
        ("a", 0.1, 0.9),
        ("b", 0.1, 1.0),
        ("lab", 0.0, 1.0),
    ]


def test_processes_of_a_host_are_together():
    hosts = {"a": "attic", "b": "cellar", "c": "attic"}
    events = [dataclasses.replace(event(0, who, "starts"), host=hosts[who]) for who in "abc"]
    lanes = find_lanes(Trace("program.py", "rq", {}, tuple(events)))
    assert [lane.process[::2] for lane in lanes] == [("attic", "a"), ("attic", "c"), ("cellar", "b")]


def test_a_thread_follows_its_process():
    main, other = event(0, "a", "starts"), event(1, "b", "starts")
    thread = dataclasses.replace(event(2, "a/Thread-1", "sets", on="go"), pid=main.pid)
    lanes = find_lanes(Trace("program.py", "local", {}, (main, other, thread)))
    assert [lane.process[-1] for lane in lanes] == ["a", "a/Thread-1", "b"]


def test_an_actor_that_ran_again_has_a_lane_for_each_process():
    again = dataclasses.replace(event(1, "a", "starts"), pid=7)
    assert len(find_lanes(Trace("tickets", "rq", {}, (event(0, "a", "starts"), again)))) == 2


def test_bars_of_a_row_never_overlap():
    """Two locks that are released in the order in which they were acquired, and a third one afterwards."""
    held = [event(0, "a", "enters", on="x"), event(1, "a", "enters", on="y"), event(2, "a", "leaves", on="x")]
    later = [event(3, "a", "leaves", on="y"), event(3, "a", "enters", on="z"), event(4, "a", "leaves", on="z")]
    spans = find_spans(Trace("program.py", "local", {}, (*held, *later)))
    assert [(span.begin.on, row) for span, row in zip(spans, find_rows(spans), strict=True)] == [
        ("x", 0),
        ("y", 1),
        ("z", 0),
    ]
