"""`liveness`: who was killed is named in time, and nobody who lives, if a daemon reports."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from lab.checks.verdicts import Judgement, invalid
from lab.trace import LAB, Event, Trace
from tests.support.lab import BACKENDS, RunLab, StartLab, compare_backends
from tests.support.traces import event, make_exercise, make_trace, without
from tests.support.waiting import wait_until

DIES = event(2.0, "process 1", "dies")
KILLED = event(91, LAB, "joins", on="process 1", value=-9)
NAMED = event(4.0, "monitor", "is dead", on="process 1")
SMALL = {"members": 2, "interval": 60.0, "pace": 0.05}  # an interval of 3 s, a report every second


def played(*events: Event) -> Trace:
    return make_trace("liveness", *events, KILLED, finished=("process 0", "monitor"))


def report(when: float, who: str, seconds: float) -> Event:
    return event(when, "monitor", "receives report", on=who, value=round(seconds * 1e6))


def test_a_right_trace():
    liveness = make_exercise("liveness", **SMALL)
    reports = [report(0.2, "process 0", 0.2), report(1.2, "process 0", 1.0), report(2.3, "process 0", 1.1)]
    trace = played(*reports, report(0.3, "process 1", 0.3), report(1.0, "process 1", 0.7), DIES, NAMED)
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


def test_wrong_traces():
    liveness = make_exercise("liveness", **SMALL)
    nobody = invalid("process 1 was killed, but not declared dead")
    assert liveness.check(played(DIES)) == nobody
    assert liveness.check(played(NAMED, DIES)) == nobody
    late = event(6.1, "monitor", "is dead", on="process 1")
    assert liveness.check(played(DIES, late)) == invalid(
        "process 1 was declared dead after 4.10 s; promised were 4.00 s"
    )
    other = event(3.0, "monitor", "is dead", on="process 0")
    assert liveness.check(played(DIES, other, NAMED)) == invalid("process 0 was declared dead, but was alive")
    early = event(1.0, "monitor", "is dead", on="process 1")
    twice = played(early, DIES, NAMED)
    assert liveness.check(twice) == invalid("process 1 was declared dead, but was alive")
    assert liveness.outcome(twice)["false alarms"] == 1


@pytest.mark.parametrize("missing", ["dies", "ends", "ends run"])
def test_what_is_missing_proves_nothing(missing: str):
    verdict = make_exercise("liveness", **SMALL).check(without(played(DIES, NAMED), missing))
    assert verdict.judgement is not Judgement.VALID


def test_a_daemon_names_the_dead_alone_on_every_backend(lab: RunLab, url: str, tmp_path: Path):
    small = ("--members", 3, "--length", 2.5, "--workers", 4)
    runs = compare_backends(lab, tmp_path, "liveness", *small, "--redis-url", url)
    assert set(runs) == {("daemon", backend) for backend in BACKENDS}
    for run in runs.values():
        assert run["verdict"] == "valid"
        assert run["outcome"].items() >= {"killed": 1, "declared dead": 1, "false alarms": 0}.items()
        assert 0 <= run["outcome"]["detection delay"] <= 1.5 + 1


def test_a_main_process_that_reports_itself_is_named_though_it_lives(lab: RunLab, url: str, tmp_path: Path):
    small = ("--members", 3, "--how", "main", "--on", "local,redis")
    runs = compare_backends(lab, tmp_path, "liveness", *small, "--redis-url", url, status=1)
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
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    wait_until(lambda: not session.alive())
    assert not list(session.temporary.iterdir())
