"""The file for Perfetto: the rules of the trace event format, and what is on which track."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from lab.report.perfetto import perfetto_trace
from lab.report.timeline.timeline import Timeline
from lab.trace import Trace
from tests.support.traces import TWO_BUYERS, event, parse_trace


def entries(trace: Trace, phase: str, backend: str = "local") -> list[dict[str, Any]]:
    written = json.loads(perfetto_trace({backend: Timeline(trace)}, {"command": "lab compare"}))
    assert written["otherData"] == {"command": "lab compare"}
    return [entry for entry in written["traceEvents"] if entry["ph"] == phase]


def tracks(trace: Trace, what: str) -> dict[int, str]:
    """Return the names of processes or threads by their numbers."""
    number = {"process": "pid", "thread": "tid"}[what]
    return {each[number]: each["args"]["name"] for each in entries(trace, "M") if each["name"] == f"{what}_name"}


def test_waits_and_holds_are_slices_of_their_process():
    trace = parse_trace(TWO_BUYERS)
    names = tracks(trace, "thread")
    slices = {(names[each["tid"]], each["name"]): each for each in entries(trace, "X")}
    wait, hold = slices["b", "waiting db"], slices["b", "inside db"]
    assert (wait["ts"], wait["dur"]) == (pytest.approx(200_000), pytest.approx(500_000))
    assert hold["args"] == {"on": "db", "fence": 2}


def test_the_slices_of_a_thread_never_overlap():
    held = [event(0, "a", "enters", on="x"), event(1, "a", "enters", on="y"), event(2, "a", "leaves", on="x")]
    trace = Trace("program.py", "local", {}, (*held, event(3, "a", "leaves", on="y")))
    by_track = defaultdict(list)
    for each in entries(trace, "X"):
        by_track[each["tid"]].append((each["ts"], each["ts"] + each["dur"]))
    assert len(by_track) == 2
    assert all(one[1] <= other[0] for times in by_track.values() for one, other in pairwise(sorted(times)))


def test_a_hand_over_is_a_flow_from_one_slice_to_the_other():
    trace = parse_trace(TWO_BUYERS)
    slices = [each for each in entries(trace, "X") if each["cat"] == "inside"]
    (start,), (end,) = entries(trace, "s"), entries(trace, "f")
    assert (start["id"], start["name"]) == (end["id"], "fence 2")
    for flow, holder in ((start, "a"), (end, "b")):
        (enclosing,) = [
            each for each in slices if each["tid"] == flow["tid"] and 0 < flow["ts"] - each["ts"] < each["dur"]
        ]
        assert tracks(trace, "thread")[enclosing["tid"]] == holder


def test_a_slice_ends_before_the_next_one_of_its_thread_begins():
    """Times are rounded, and their differences must not exceed them."""
    times = [0.1234564, 0.2345675, 0.3456785, 0.4567894]
    held = [event(when, "a", what, on="x") for when, what in zip(times, ("enters", "leaves") * 2, strict=True)]
    held[2:2] = [event(times[1], "a", "requests", on="x")]
    slices = entries(Trace("program.py", "local", {}, tuple(held)), "X")
    ends = [round(each["ts"] + each["dur"], 3) for each in slices]
    assert ends[:-1] == [each["ts"] for each in slices[1:]]


def test_a_flow_never_goes_back_in_time_where_clocks_differ():
    """The entry seems to be before the release that let the process in."""
    trace = parse_trace("0 a enters 1\n1 b requests\n3 a leaves\n2.9 b enters 2\n4 b leaves")
    (start,), (end,) = entries(trace, "s"), entries(trace, "f")
    assert start["ts"] < end["ts"] < 3e6


def test_a_queue_length_is_a_counter():
    counts = [(each["name"], each["args"]["count"]) for each in entries(parse_trace(TWO_BUYERS), "C")]
    assert max(counts) == ("waiting for db", 2)


def test_processes_of_all_runs_have_their_own_tracks():
    timeline = Timeline(parse_trace(TWO_BUYERS))
    written = json.loads(perfetto_trace({"local": timeline, "redis": timeline}, {}))["traceEvents"]
    names = {each["pid"]: each["args"]["name"] for each in written if each["name"] == "process_name"}
    assert len(names) == 2 * 4  # the run with its counters, a, b and the lab
    assert sorted(name.partition(" ")[0] for name in names.values()) == [
        "local",
        *["local:"] * 3,
        "redis",
        *["redis:"] * 3,
    ]


def test_an_event_without_a_duration_is_an_instant_with_its_error():
    trace = Trace("program.py", "rq", {}, (event(0, "a", "sets", on="go", error=0.002),))
    (mark,) = entries(trace, "i")
    assert (mark["name"], mark["args"]) == ("sets go", {"on": "go", "error_us": 2000})
