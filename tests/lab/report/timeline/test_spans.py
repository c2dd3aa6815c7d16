"""Bars: what they begin and end with, also where a process could not record its end."""

from __future__ import annotations

import pytest

from lab.report.timeline.spans import find_spans
from lab.trace import STOP, Trace
from tests.support.traces import TWO_BUYERS, event, parse_trace


def spans(trace: Trace) -> list[tuple[str, str, float, float]]:
    return [(span.process[-1], span.kind, span.start, span.end) for span in find_spans(trace)]


def of(*events: object) -> Trace:
    return Trace("program.py", "local", {}, tuple(events))  # type: ignore[arg-type]


def test_waits_and_holds():
    assert spans(parse_trace(TWO_BUYERS)) == [
        ("b", "waiting", 0.2, 0.7),
        ("a", "inside", 0.2, 0.6),
        ("a", "waiting", 0.2, 0.2),
        ("b", "inside", 0.7, 0.9),
    ]


def test_a_wait_that_never_ended_lasts_until_its_process_ends():
    (span,) = find_spans(of(event(0, "a", "requests", on="x"), event(3, "a", "ends")))
    assert (span.kind, span.end, span.open) == ("waiting", 3, True)


@pytest.mark.parametrize("what", ["restarts server", "restarts server empty"])
def test_the_server_is_down_until_it_is_back(what: str):
    found = spans(of(event(0, "a", what, on="x"), event(1, "a", "server is back", on="x")))
    assert found == [("a", "server down", 0, 1)]


def test_what_a_stopped_program_waited_for_lasts_until_it_was_stopped():
    (span,) = find_spans(of(event(0, "a", "requests", on="x"), event(4, "lab", STOP)))
    assert (span.end, span.open) == (4, True)


def test_a_wait_ends_with_its_own_primitive_only():
    """A thread of the process waits for a queue while it waits for another one."""
    begins = [event(0, "a", "requests", on="x"), event(1, "a", "requests", on="y")]
    found = find_spans(of(*begins, event(2, "a", "gets", on="x"), event(3, "a", "gets", on="y")))
    assert [(span.begin.on, span.end) for span in found] == [("x", 2), ("y", 3)]


@pytest.mark.parametrize("end", ["wakes", "times out", "gives up"])
def test_a_wait_for_an_event_ends_however_it_ended(end: str):
    assert spans(of(event(0, "a", "waits", on="go"), event(1, "a", end, on="go"))) == [("a", "waiting", 0, 1)]


def test_each_holder_of_a_permit_releases_its_own():
    held = [event(0, "a", "enters", on="x"), event(1, "b", "enters", on="x")]
    trace = of(*held, event(2, "b", "leaves", on="x"), event(3, "a", "leaves", on="x"))
    assert spans(trace) == [("a", "inside", 0, 3), ("b", "inside", 1, 2)]


def test_a_lock_that_another_process_releases_was_held_until_then():
    trace = of(event(0, "a", "enters", on="x"), event(2, "b", "leaves", on="x"), event(5, "a", "ends"))
    assert spans(trace) == [("a", "inside", 0, 2)]


def test_a_holder_that_lost_its_lease_was_inside_only_until_the_next_one_entered():
    trace = parse_trace("""
        0 a enters 1
        1 a pauses
        3 b enters 2
        4 b leaves 2
        5 a resumes
        6 a leaves
        7 a loses_lease 1
    """)
    assert spans(trace) == [
        ("a", "inside", 0, 3),
        ("a", "paused", 1, 5),
        ("a", "lease lost", 3, 7),
        ("b", "inside", 3, 4),
    ]


def test_an_entry_that_was_recorded_after_a_later_grant_was_never_inside():
    trace = parse_trace("0 b enters 2\n1 a enters 1\n2 a leaves\n3 a loses_lease 1\n4 b leaves")
    assert spans(trace) == [("b", "inside", 0, 4), ("a", "lease lost", 1, 3)]


@pytest.mark.parametrize(("backend", "end"), [("local", 9), ("redis", 1)])
def test_what_a_process_did_not_release_is_held_forever_without_leases(backend: str, end: float):
    trace = parse_trace("0 a enters\n1 a dies\n9 lab joins a -9", backend=backend)
    assert [span for span in spans(trace) if span[1] == "inside"] == [("a", "inside", 0, end)]


def test_a_killed_process_waits_no_longer():
    trace = parse_trace("0 a requests\n1 a dies\n9 lab joins a -9")
    assert spans(trace) == [("a", "waiting", 0, 1), ("a", "killed", 1, 9)]


def test_a_killed_process_is_shown_from_its_last_sign_of_life():
    trace = parse_trace("0 a starts\n1 a sees\n5 lab joins a -9")
    assert spans(trace) == [("a", "killed", 1, 5)]


def test_a_daemon_that_was_terminated_is_not_called_killed():
    assert spans(parse_trace("0 a starts\n5 lab joins a -15")) == []


def test_the_light_in_its_colours():
    trace = parse_trace("0 light turns_red\n2 light turns_green\n4 light turns_red\n6 lab ends_run", "traffic")
    assert spans(trace) == [("light", "red", 0, 2), ("light", "green", 2, 4), ("light", "red", 4, 6)]
