"""A run ends, and its verdict says why, also when an actor fails or is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from broker import Context
from lab.checks import verdicts
from lab.runtime import run as run_module
from lab.runtime.event_log import FileLog
from lab.runtime.pool_tasks import PoolTask
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.runtime.store import FileStore
from lab.trace import Trace


@actor
def dies_inside(me: Recorder, lock, ready) -> None:
    with me.inside("db", lock):
        ready.set()
        os.kill(os.getpid(), signal.SIGKILL)


@actor
def enters_later(me: Recorder, lock, ready) -> None:
    ready.wait()
    with me.inside("db", lock):
        pass


@actor
def fails_to_read(me: Recorder, db: FileStore) -> None:
    db.read()


@actor
def counts_forever(me: Recorder, started) -> None:
    started.set()
    while True:
        me.record("counts")
        time.sleep(0.01)


@actor
def exits_early(me: Recorder, started) -> None:
    os._exit(3)


@actor
def ends(me: Recorder, _: object) -> None:
    pass


@actor
def waits_for(me: Recorder, event) -> None:
    event.wait()


def run_two(ctx, folder: Path, lock) -> Trace:
    run = Run(ctx, FileLog(folder / "trace"), lambda count: FileStore(folder / "db"))
    ready = multiprocessing.get_context("fork").Event()
    processes = [
        ctx.Process(target=dies_inside, args=(run.recorder("a"), lock, ready), name="a"),
        ctx.Process(target=enters_later, args=(run.recorder("b"), lock, ready), name="b"),
    ]
    try:
        run.start_and_join(processes, max_silence=0)
    finally:
        for process in processes:
            process.kill()
            process.join()
    return Trace("tickets", "local", {}, run.log.events())


def test_a_dead_holder_of_multiprocessings_lock_blocks_the_others(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(run_module, "STALL_TIMEOUT", 0.2)
    monkeypatch.setattr(run_module, "POLL_INTERVAL", 0.1)
    fork = multiprocessing.get_context("fork")
    trace = run_two(fork, tmp_path, fork.Lock())
    assert [(event.on, event.value) for event in trace.of("joins")] == [("a", -signal.SIGKILL), ("b", None)]
    verdict = verdicts.all_finished(trace, 2)
    assert verdict == verdicts.unknown("b had not ended when the lab gave up; a was killed by signal 9")


def test_a_dead_holder_of_the_brokers_lock_does_not_block_the_others(tmp_path: Path, ctx: Context):
    trace = run_two(ctx, tmp_path, ctx.Lock(lease=0.5))
    assert [(event.on, event.value) for event in trace.of("joins")] == [("a", -signal.SIGKILL), ("b", 0)]
    assert verdicts.within_limit(trace, "db", 1).judgement is verdicts.Judgement.VALID
    assert verdicts.all_finished(trace, 2) == verdicts.valid("a was killed; the other one finished")


def test_the_verdict_says_why_an_actor_failed(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    fork = multiprocessing.get_context("fork")
    (tmp_path / "db").write_text("rubbish")
    run = Run(fork, FileLog(tmp_path / "trace"), lambda count: FileStore(tmp_path / "db"))
    run.start_and_join(
        [fork.Process(target=fails_to_read, args=(run.recorder("a"), FileStore(tmp_path / "db")), name="a")], 0
    )
    verdict = verdicts.all_finished(Trace("tickets", "local", {}, run.log.events()), 1)
    assert verdict.judgement is verdicts.Judgement.UNKNOWN
    assert verdict.evidence.startswith("a ended with exit code 1: the file ")
    assert "is corrupt" in verdict.evidence
    assert capfd.readouterr().err == ""


def test_a_daemon_runs_until_the_others_have_ended(tmp_path: Path):
    fork = multiprocessing.get_context("fork")
    run, started = Run(fork, FileLog(tmp_path / "trace"), lambda count: FileStore(tmp_path / "db")), fork.Event()
    daemon = fork.Process(target=counts_forever, args=(run.recorder("daemon"), started), name="daemon")
    run.start_and_join(
        [fork.Process(target=waits_for, args=(run.recorder("a"), started), name="a")], 0, daemons=[daemon]
    )
    assert daemon.daemon
    assert daemon.exitcode == -signal.SIGTERM
    trace = Trace("tickets", "local", {}, run.log.events())
    assert [event.on for event in trace.of("joins")] == ["a"]
    assert verdicts.all_finished(trace, 1).judgement is verdicts.Judgement.VALID


def test_a_run_whose_daemon_exits_early_stalls_and_names_it(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(run_module, "STALL_TIMEOUT", 0.2)
    monkeypatch.setattr(run_module, "POLL_INTERVAL", 0.1)
    fork = multiprocessing.get_context("fork")
    run, started = Run(fork, FileLog(tmp_path / "trace"), lambda count: FileStore(tmp_path / "db")), fork.Event()
    daemon = fork.Process(target=exits_early, args=(run.recorder("daemon"), started), name="daemon")
    waiter = fork.Process(target=waits_for, args=(run.recorder("a"), started), name="a")
    run.start_and_join([waiter], 0, daemons=[daemon])
    waiter.kill()
    waiter.join()
    joined = {event.on: event.value for event in run.log.events() if event.what == "joins"}
    assert joined == {"a": None, "daemon": 3}


def test_a_pool_task_fails_like_a_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    fork = multiprocessing.get_context("fork")
    (tmp_path / "db").write_text("rubbish")
    run = Run(fork, FileLog(tmp_path / "trace"), lambda count: FileStore(tmp_path / "db"))
    with fork.Pool(1) as pool:
        calls = [
            ("a", fails_to_read, FileStore(tmp_path / "db")),
            ("b", waits_for, "not an event"),
            ("c", ends, None),
        ]
        tasks = [PoolTask(pool, target, (run.recorder(name), argument), name) for name, target, argument in calls]
        assert [task.exitcode for task in tasks] == [None] * 3
        run.start_and_join(tasks, 0)
    trace = Trace("tickets", "local", {}, run.log.events())
    assert [(event.on, event.value) for event in trace.of("joins")] == [("a", 1), ("b", 1), ("c", 0)]
    assert verdicts.all_finished(trace, 3).evidence.startswith("a ended with exit code 1: the file ")
