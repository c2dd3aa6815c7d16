"""`liveness`: the killed process is declared dead in time, and no living one if a daemon reports."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from broker.liveness.snapshot import Snapshot
from broker.liveness.timing import Timing
from lab.checks.verdicts import Judgement, Verdict, invalid, unknown
from lab.exercises.liveness import Observer
from lab.runtime.event_log import FileLog
from lab.runtime.recorder import Recorder
from lab.trace import DELAY, LAB, MICROSECONDS, Event, Trace
from tests.support.lab import BACKENDS, RunLab, StartLab, compare_backends
from tests.support.traces import event, make_exercise, make_trace, without
from tests.support.waiting import wait_until

DIES = event(2.0, "process 1", "dies")
JOINED_KILLED = event(91, LAB, "joins", on="process 1", value=-9)
DECLARED_DEAD = event(4.0, "monitor", "is dead", on="process 1")
SMALL = {"members": 2, "interval": 60.0, "pace": 0.05}  # an interval of 3 s, a report every second


def liveness_trace(*events: Event) -> Trace:
    return make_trace("liveness", *events, JOINED_KILLED, finished=("process 0", "monitor"))


def report(when: float, who: str, seconds: float) -> Event:
    return event(when, "monitor", "receives report", on=who, value=round(seconds * 1e6))


def test_correct_trace_is_valid():
    liveness = make_exercise("liveness", **SMALL)
    reports = [report(0.2, "process 0", 0.2), report(1.2, "process 0", 1.0), report(2.3, "process 0", 1.1)]
    trace = liveness_trace(*reports, report(0.3, "process 1", 0.3), report(1.0, "process 1", 0.7), DIES, DECLARED_DEAD)
    assert liveness.check(trace).judgement is Judgement.VALID
    assert liveness.outcome(trace) == {
        "killed": 1,
        "declared dead": 1,
        "false alarms": 0,
        "declared late": 0,
        "detection delay": pytest.approx(2.0),
        "time between reports, nominal": pytest.approx(1.0),
        "time between reports, max": pytest.approx(1.1),
        "final drift, median": pytest.approx(0.05),
    }


def test_wrong_traces_are_invalid():
    liveness = make_exercise("liveness", **SMALL)
    false_alarm = invalid("process 1 was declared dead, but was alive")
    assert liveness.check(liveness_trace(DIES)) == invalid("process 1 was killed, but not declared dead")
    assert liveness.check(liveness_trace(DECLARED_DEAD, DIES)) == false_alarm
    late = event(6.1, "monitor", "is dead", on="process 1")
    assert liveness.check(liveness_trace(DIES, late)) == invalid(
        "process 1 was declared dead after 4.10 s; promised were 4.00 s"
    )
    other = event(3.0, "monitor", "is dead", on="process 0")
    assert liveness.check(liveness_trace(DIES, other, DECLARED_DEAD)) == invalid(
        "process 0 was declared dead, but was alive"
    )
    early = event(1.0, "monitor", "is dead", on="process 1")
    twice = liveness_trace(early, DIES, DECLARED_DEAD)
    assert liveness.check(twice) == false_alarm
    assert liveness.outcome(twice)["false alarms"] == 1


def delay(seconds: float) -> Event:
    return event(92, LAB, DELAY, value=round(seconds * MICROSECONDS))


def test_a_busy_machine_may_delay_the_detection():
    late = event(6.5, "monitor", "is dead", on="process 1")
    assert (
        make_exercise("liveness", **SMALL).check(liveness_trace(DIES, late, delay(0.1))).judgement is Judgement.INVALID
    )
    assert make_exercise("liveness", **SMALL).check(liveness_trace(DIES, late, delay(0.2))).judgement is Judgement.VALID


@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        (3.5, unknown("process 0 was declared dead, but was alive; a busy machine may have delayed its report")),
        (3.7, invalid("process 0 was declared dead, but was alive")),
        (0.5, invalid("process 0 was declared dead, but was alive")),  # its end was reported, wrongly
    ],
)
def test_a_false_alarm_that_a_busy_machine_explains_is_unknown(silence: float, expected: Verdict):
    alarm = event(3.0, "monitor", "is dead", on="process 0", value=round(silence * MICROSECONDS))
    assert make_exercise("liveness", **SMALL).check(liveness_trace(DIES, alarm, DECLARED_DEAD, delay(0.2))) == expected


@pytest.mark.parametrize(("silence", "expected"), [(3.5, Judgement.UNKNOWN), (3.7, Judgement.INVALID)])
def test_the_next_report_tells_how_long_a_false_alarm_was_silent(silence: float, expected: Judgement):
    alarm = event(3.1, "monitor", "is dead", on="process 0", value=round(3.1 * MICROSECONDS))
    report = event(3.2, "monitor", "receives report", on="process 0", value=round(silence * MICROSECONDS))
    trace = liveness_trace(DIES, alarm, report, DECLARED_DEAD, delay(0.2))
    assert make_exercise("liveness", **SMALL).check(trace).judgement is expected


def test_the_monitor_waits_longer_where_it_is_delayed_itself(tmp_path: Path):
    log, meter = FileLog(tmp_path / "trace"), SimpleNamespace(longest=0.1)
    observer = Observer(Recorder(log, "monitor"), Timing(3.0), meter, grace=0.0)  # type: ignore[arg-type]
    for silent in (0.1, 3.1, 3.2, 3.3, 3.4):
        observer.observe(Snapshot({}, {}, {"a": silent, "b": silent + 0.1}))
    states = [(event.what, event.on) for event in log.events()]
    assert states == [("is dead", "a"), ("is dead", "b")]  # both were seen to end
    for silent in (3.1, 3.25, 3.4):
        observer.observe(Snapshot({}, {}, {"c": silent}))
    assert [event.what for event in log.events()[2:]] == ["is late", "is dead"]


def test_a_daemon_that_has_not_reported_may_still_be_starting(tmp_path: Path):
    log, meter = FileLog(tmp_path / "trace"), SimpleNamespace(longest=0.0)
    observer = Observer(Recorder(log, "monitor"), Timing(3.0), meter, grace=5.0)  # type: ignore[arg-type]
    for snapshot in (Snapshot({"a": 0.5}, {}, {}), Snapshot({}, {}, {"a": 7.9}), Snapshot({}, {}, {"a": 8.0})):
        observer.observe(snapshot)
    assert [event.what for event in log.events()] == ["is alive", "is late", "is dead"]


@pytest.mark.parametrize("missing", ["dies", "ends", "ends run"])
def test_missing_event_is_not_valid(missing: str):
    verdict = make_exercise("liveness", **SMALL).check(without(liveness_trace(DIES, DECLARED_DEAD), missing))
    assert verdict.judgement is not Judgement.VALID


@pytest.mark.slow
def test_with_a_daemon_only_the_dead_are_declared_dead_on_every_backend(lab: RunLab, url: str, tmp_path: Path):
    options = ("--members", 3, "--length", 2.5, "--workers", 4)
    runs = compare_backends(lab, tmp_path, "liveness", *options, "--redis-url", url)
    assert set(runs) == {("daemon", backend) for backend in BACKENDS}
    for run in runs.values():
        assert run["verdict"] == "valid"
        assert run["outcome"].items() >= {"killed": 1, "declared dead": 1, "false alarms": 0}.items()
        assert run["outcome"]["detection delay"] >= 0


@pytest.mark.slow
def test_a_main_process_that_reports_itself_is_declared_dead_though_alive(lab: RunLab, url: str, tmp_path: Path):
    options = ("--members", 3, "--how", "main", "--on", "local,redis")
    runs = compare_backends(lab, tmp_path, "liveness", *options, "--redis-url", url, status=1)
    for run in runs.values():
        assert run["verdict"] == "invalid"
        assert run["outcome"]["false alarms"] > 0
        assert run["outcome"]["time between reports, max"] > 1.5


@pytest.mark.parametrize("backend", ["local", "redis"])
def test_ctrl_c_leaves_no_daemon_behind(start: StartLab, url: str, client, backend: str):
    session = start("compare", "liveness", "--pace", 1, "--on", backend, "--redis-url", url)
    wait_until(lambda: session.events(client).count("is alive") == 6)
    session.process.send_signal(signal.SIGINT)
    done = session.finish()
    assert (done.returncode, done.stderr.count("\n")) == (130, 1)
    wait_until(lambda: not session.alive())
    assert not list(session.temporary.iterdir())
