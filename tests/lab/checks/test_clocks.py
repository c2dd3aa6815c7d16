"""Times of several hosts: aligned by measured clock offsets, and checked only beyond their uncertainty."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.server.private_server import PrivateServer
from lab.checks import liveness, traffic
from lab.checks.clocks import align_clocks, min_elapsed, uncertainty
from lab.checks.verdicts import Judgement
from lab.runtime.event_log import StreamLog
from lab.runtime.recorder import Recorder
from lab.trace import LAB, Event, Trace
from tests.support.actors import SLACK
from tests.support.traces import make_exercise, make_trace

VALID, INVALID = Judgement.VALID, Judgement.INVALID


def measured_event(who: str, host: str, at: float, offset: float, error: float, measured: bool) -> Event:
    """Return an event at a time of its host's clock, as the log records it."""
    more: dict[str, Any] = {"offset": offset} if measured else {}
    return Event(who, host, hash(who), "notes", at + offset, error, **more)


def aligned(*events: Event) -> list[tuple[float, float]]:
    return [(round(event.when, 6), round(event.error, 6)) for event in align_clocks(events)]


def test_uncertainty_includes_the_offsets_measured_before_and_after():
    first, between = measured_event("a", "x", 1, 100, 0.1, True), measured_event("a", "x", 2, 100, 0.1, False)
    last = measured_event("a", "x", 3, 100.05, 0.1, True)
    assert aligned(first, between, last) == [(101, 0.15), (102, 0.15), (103, 0.15)]
    stepped = measured_event("a", "x", 3, 102, 0.2, True)  # times within one process stay exact all the same
    assert aligned(first, between, stepped) == [(101, 2.2), (102, 2.2), (103, 2.2)]
    assert aligned(first, between) == [(101, 0.1), (102, 0.1)]


def test_killed_process_gets_the_later_offsets_of_its_host():
    killed = measured_event("k", "x", 2, 100, 0.1, True)
    others = (measured_event("a", "x", 1, 100, 0.1, True), measured_event("a", "x", 9, 102, 0.2, True))
    assert aligned(killed, *others)[0] == (102, 2.2)
    assert aligned(killed, others[0])[0] == (102, 0.1)
    elsewhere = [dataclasses.replace(event, host="y") for event in others]
    assert aligned(killed, *elsewhere)[0] == (102, 0.1)


def test_events_without_offsets_are_unchanged():
    events = (Event("a", "x", 1, "notes", 5.0), Event("b", "y", 2, "notes", 6.0, 0.25))
    assert align_clocks(events) == events


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=8),
    st.floats(-1e6, 1e6),
    st.one_of(st.just(0.0), st.floats(-5, 5)),
)
def test_true_time_lies_within_the_uncertainty(readings: list[tuple[str, float, float]], offset: float, step: float):
    """Each measurement is off by some share of its error; the clock may be stepped once, in the middle of the run."""
    events, true_times = [], []
    last = {who: at for at, (who, _, _) in enumerate(readings)}
    for at, (who, error, share) in enumerate(readings):
        true_time = offset + (step if at >= len(readings) // 2 else 0.0)
        first = who not in [name for name, _, _ in readings[:at]]
        measured = true_time + error * (2 * share - 1)
        if first or at == last[who]:
            events.append(measured_event(who, "x", at, measured, error, True))
            true_times.append(at + true_time)
    for event, true_time in zip(align_clocks(events), true_times, strict=True):
        assert abs(event.when - true_time) <= event.error + 1e-6


def test_uncertainty_between_two_processes_and_within_one():
    a, later = Event("a", "x", 1, "notes", 1.0, 0.2), Event("a", "x", 1, "notes", 1.5, 0.2)
    b = Event("b", "y", 1, "notes", 1.5, 0.1)
    assert (uncertainty(a, later), min_elapsed(a, later)) == (0, 0.5)
    assert (uncertainty(a, b), min_elapsed(a, b)) == (pytest.approx(0.3), pytest.approx(0.2))


def on_two_hosts(trace: Trace, error: float) -> Trace:
    """Return the trace with each name on a host of its own, whose clock has this error."""
    events = [dataclasses.replace(event, host=event.who, error=error) for event in trace.events]
    return dataclasses.replace(trace, events=tuple(events))


@pytest.mark.parametrize(("delay", "judgement"), [(0.19, VALID), (0.21, INVALID)])
def test_late_detection_of_a_death_is_invalid_only_beyond_the_uncertainty(delay: float, judgement: Judgement):
    dies = Event("process 0", "x", 5, "dies", 1.0)
    detected = Event("monitor", "y", 6, "is dead", 1.0 + 2.0 + delay, on="process 0")
    trace = on_two_hosts(make_trace("liveness", dies, detected), 0.1)
    assert liveness.detected_in_time(trace, 2.0).judgement is judgement
    assert liveness.detected_in_time(on_two_hosts(trace, 0.0), 2.0).judgement is INVALID


@pytest.mark.parametrize(("delay", "judgement"), [(0.19, VALID), (0.21, INVALID)])
def test_daemon_that_goes_on_is_invalid_only_beyond_the_uncertainty(delay: float, judgement: Judgement):
    ends = Event("parent", "x", 5, "code ends", 1.0)
    begins = Event("daemon", "y", 6, "begins", 1.0 + 0.4 + delay)
    child_events = [Event("plain child", "x", 7, what, 0.5) for what in ("begins", "finishes")]
    trace = on_two_hosts(make_trace("daemon", *child_events, ends, begins, finished=("plain child", "parent")), 0.1)
    assert make_exercise("daemon").check(trace).judgement is judgement


@pytest.mark.parametrize(("delay", "judgement"), [(0.19, VALID), (0.21, INVALID)])
def test_uncertainty_counts_for_a_police_car_on_two_hosts_only(delay: float, judgement: Judgement):
    arrives = Event("police car 1", "x", 5, "arrives", 1.0, 0.1)
    passes = Event("police car 1", "y", 5, "passes", 1.0 + 0.5 + traffic.TOLERANCE + delay, 0.1)
    assert traffic.police_in_time(make_trace("traffic", arrives, passes), 0.5).judgement is judgement
    same = dataclasses.replace(passes, host="x")
    assert traffic.police_in_time(make_trace("traffic", arrives, same), 0.5).judgement is INVALID


def test_actor_measures_its_offset_at_start_and_end(server: PrivateServer, url: str):
    log = StreamLog(url, "lab:test:trace")
    log.create()
    try:
        me = Recorder(log, LAB)
        me.record("starts run")
        me.record("counts", value=1)
        me.record("ends run", last=True)
        raw = log.events()
        assert [event.offset is not None for event in raw] == [True, False, True]
        assert all(event.error < SLACK for event in raw)
        exact = align_clocks(raw)
        assert max(event.error for event in raw) <= exact[0].error == exact[1].error == exact[2].error
        assert [event.what for event in exact] == ["starts run", "counts", "ends run"]
        assert exact[0].when < exact[1].when < exact[2].when
        trace = Trace("tickets", "rq", {}, exact)
        assert Trace.parse(trace.dump(), "") == trace
    finally:
        log.delete()
