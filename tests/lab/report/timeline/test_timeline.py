"""The whole picture as plain data."""

from __future__ import annotations

import json

from lab.checks.metrics import items_over_time
from lab.report.timeline.timeline import Timeline
from lab.trace import STOP, Trace
from tests.support.traces import TWO_BUYERS, event, parse_trace


def test_times_count_from_the_start_of_the_run_and_everything_is_plain():
    trace = parse_trace(TWO_BUYERS.replace("0.0 lab starts_run", "0.05 lab starts_run"))
    data = json.loads(json.dumps(Timeline(trace).data()))
    assert data["elapsed"] == 0.95
    assert data["lanes"][0]["start"] == 0.05
    assert data["arrows"] == [
        {"from": {"lane": 0, "time": 0.55}, "to": {"lane": 1, "time": 0.65}, "on": "db", "fence": 2}
    ]
    (counter,) = data["counters"]
    assert (counter["title"], counter["on"]) == ("waiting for db", "db")
    assert max(count for _, count in counter["steps"]) == 2


def test_an_event_has_what_pointing_at_it_shows():
    put = event(1, "a", "puts", on="box", error=0.002, value=3, why="because", line="x.py:1")
    (mark,) = Timeline(Trace("program.py", "rq", {}, (put,))).data()["marks"]
    assert mark == {
        "lane": 0,
        "time": 0.0,
        "what": "puts",
        "shape": "up",
        "on": "box",
        "value": 3,
        "why": "because",
        "line": "x.py:1",
        "error": 0.002,
    }


def test_items_in_a_queue_are_counted():
    events = [event(when, "a", what, on="box") for when, what in enumerate(("puts", "puts", "gets", "gets"))]
    (counter,) = [
        each for each in Timeline(Trace("program.py", "local", {}, tuple(events))).counters if "items" in each.title
    ]
    assert counter.steps == [(0, 1), (1, 2), (2, 1), (3, 0)]


def test_an_item_that_is_got_before_its_put_is_recorded_does_not_count_below_zero():
    events = [event(when, "a", what, on="box") for when, what in enumerate(("gets", "puts", "puts"))]
    assert items_over_time(Trace("program.py", "local", {}, tuple(events)), "box") == [(0, 0), (1, 0), (2, 1)]


def test_a_name_that_is_a_process_is_no_primitive():
    events = [event(0, "a", "starts"), event(0, "main", "waits", on="a"), event(1, "main", "joins", on="a", value=0)]
    assert Timeline(Trace("program.py", "local", {}, tuple(events))).primitives == []


def test_what_happened_after_the_lab_stopped_a_program_is_not_shown():
    events = [event(0, "a", "starts"), event(1, "lab", STOP, why="limit"), event(9, "a", "gives up", on="x")]
    timeline = Timeline(Trace("program.py", "local", {}, tuple(events)))
    assert timeline.elapsed == 1
    assert [mark.what for mark in timeline.marks] == ["starts", STOP]


def test_ten_thousand_events_of_a_thousand_processes():
    events = []
    for number in range(2500):
        who = f"client {number % 1000}"
        for step, what in enumerate(("requests", "enters", "buys", "leaves")):
            events.append(event(number + step / 4, who, what, on="db"))
    data = Timeline(Trace("tickets", "local", {}, tuple(events))).data()
    assert (len(data["lanes"]), len(data["spans"]), len(data["marks"])) == (1000, 5000, 2500)
