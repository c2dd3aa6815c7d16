"""`tickets` with a client that pauses for longer than its lease: what its fence prevents."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from lab.exercises.tickets import SHORT_LEASE
from lab.runtime.pause import pause_process
from lab.trace import load_traces
from tests.support.actors import TIMEOUT
from tests.support.lab import RunLab, StartLab, compare_backends, table_rows
from tests.support.waiting import wait_until

FEW = ("tickets", "--clients", 6, "--stock", 2, "--workers", 3, "--pace", 0.02, "--stall", 2)


@pytest.mark.slow
def test_a_late_write_is_refused_and_without_its_fence_a_ticket_is_sold_twice(lab: RunLab, url: str, tmp_path: Path):
    runs = compare_backends(lab, tmp_path, *FEW, "--how", "lock,unfenced", "--redis-url", url, status=1)
    for backend in ("redis", "rq"):
        fenced, unfenced = runs["lock", backend], runs["unfenced", backend]
        assert fenced["verdict"] == "valid"
        assert fenced["outcome"].items() >= {"sold": 2, "refused": 4, "oversold": 0, "refused by fence": 1}.items()
        assert "lost the lease inside" in fenced["evidence"]
        assert unfenced["verdict"] == "invalid"
        assert unfenced["outcome"]["refused by fence"] == 0
        assert "both read 2 left and both bought" in unfenced["evidence"]
    for variant in ("lock", "unfenced"):  # whose lock has no lease
        local = runs[variant, "local"]
        assert (local["verdict"], local["outcome"]["sold"]) == ("valid", 2)

    for trace in load_traces(tmp_path / "traces"):
        stood, on = trace.of("pauses")[0], trace.of("resumes")[0]
        assert len(trace.of("pauses")) == 1
        assert on.when - stood.when >= 1.9
        if trace.backend == "local":
            assert "enters" not in [event.what for event in trace.events if stood.when < event.when < on.when]
        (late,) = trace.of("is refused") or [None]
        if late:
            first, second = (event.fence or 0 for event in trace.of("enters")[:2])
            assert (late.who, late.fence) == (stood.who, first)
            assert second - first >= 1_000_000 * SHORT_LEASE  # not before the lease was over: fences are microseconds
            bought = [event.who for event in trace.of("buys", "gets no ticket")]
            assert sorted(bought) == sorted({event.who for event in trace.of("sees")})  # it asked once more


@pytest.mark.slow
def test_no_actor_pauses_in_an_ordinary_run(lab: RunLab):
    done = lab("compare", *FEW[:-2], "--how", "unfenced", "--on", "local,redis")
    assert done.returncode == 0
    assert "was paused" not in done.stdout
    assert "refused by fence" not in table_rows(done.stdout)


def test_a_paused_process_is_stopped_and_continues():
    fork = multiprocessing.get_context("fork")
    sleeper = fork.Process(target=pause_process, args=(0.5,))
    started = time.monotonic()
    sleeper.start()
    stopped = os.waitid(os.P_PID, sleeper.pid, os.WSTOPPED | os.WNOWAIT)
    assert stopped.si_status == signal.SIGSTOP
    sleeper.join(TIMEOUT)
    assert sleeper.exitcode == 0
    assert time.monotonic() - started >= 0.5


def test_ctrl_c_while_an_actor_is_paused_leaves_nothing_behind(start: StartLab, url: str, client):
    session = start("compare", *FEW, "--on", "redis", "--redis-url", url)
    wait_until(lambda: "pauses" in session.events(client))
    session.process.send_signal(signal.SIGINT)
    done = session.finish()
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    wait_until(lambda: not session.alive())
    assert not list(session.temporary.iterdir())
