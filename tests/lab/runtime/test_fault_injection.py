"""An actor meets its fault at the moment that the plan names, as a real process."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import broker
from broker.server.private_server import PrivateServer
from lab.runtime import fault_injection
from lab.runtime.event_log import FileLog, StreamLog
from lab.runtime.fault_injection import Injector
from lab.runtime.fault_plan import (
    CUT,
    ENDING,
    INSIDE,
    KILL,
    PAUSE,
    RESTART,
    RESTART_EMPTY,
    RUNNING,
    WAITING,
    Fault,
)
from lab.runtime.recorder import Recorder, actor
from lab.trace import (
    CUT_OFF,
    DIES,
    LET_IN,
    PAUSES,
    RECONNECTS,
    RESTARTS,
    RESTARTS_EMPTY,
    RESUMES,
    SERVER_IS_BACK,
)
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

FORK = multiprocessing.get_context("fork")
ALL = ["starts", "requests", "enters", "reads", "leaves", "ends"]


@actor
def works(me: Recorder, lock: Any) -> None:
    with me.inside("db", lock):
        me.record("reads", on="db")


@actor
def works_in_no_section(me: Recorder, _: object) -> None:
    me.record("looks")
    me.record("looks again")


def run_actor(folder: Path, fault: Fault, target: Callable[..., None] = works, lock: Any = None) -> tuple[Any, Any]:
    """Run an actor that meets a fault; return its process, which has ended, and its events."""
    log = FileLog(folder / "trace")
    process = FORK.Process(target=target, args=(Recorder(log, "a", Injector(fault)), lock or FORK.Lock()))
    process.start()
    process.join(TIMEOUT)
    return process, log.events()


@pytest.mark.parametrize(
    ("fault", "before", "moment"),
    [
        (Fault(KILL, LET_IN), ["starts", "requests"], LET_IN),
        (Fault(KILL, WAITING), ["starts", "requests"], LET_IN),  # the lock is free, so it does not wait
        (Fault(KILL, INSIDE), ["starts", "requests", "enters"], INSIDE),
        (Fault(KILL, INSIDE, ("reads",)), ["starts", "requests", "enters", "reads"], INSIDE),
        (Fault(KILL, INSIDE, ("never",)), ALL[:-1], ENDING),
        (Fault(KILL, RUNNING), ["starts", "requests"], RUNNING),
    ],
)
def test_an_actor_is_killed_at_its_moment(tmp_path: Path, fault: Fault, before: list[str], moment: str):
    process, events = run_actor(tmp_path, fault)
    assert process.exitcode == -signal.SIGKILL
    *others, last = events
    assert [event.what for event in others] == before
    assert (last.what, last.why, last.pid) == (DIES, moment, process.pid)
    assert last.on == (None if moment == ENDING else "db")


def test_an_actor_is_killed_while_it_waits(tmp_path: Path):
    lock = FORK.Lock()
    with lock:
        process, events = run_actor(tmp_path, Fault(KILL, WAITING), lock=lock)
    assert process.exitcode == -signal.SIGKILL
    assert [(event.what, event.on, event.why) for event in events[-2:]] == [
        ("requests", "db", None),
        (DIES, "db", WAITING),
    ]
    assert lock.acquire(timeout=TIMEOUT), "the dead waiter has not taken it"


@pytest.mark.parametrize("moment", [LET_IN, INSIDE])
def test_a_paused_actor_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str):
    monkeypatch.setattr(fault_injection, "FAULT_SECONDS", 0.2)
    process, events = run_actor(tmp_path, Fault(PAUSE, moment))
    assert process.exitcode == 0
    place = ALL.index("enters") + (moment == INSIDE)
    assert [event.what for event in events] == [*ALL[:place], PAUSES, RESUMES, *ALL[place:]]
    pauses, resumes = events[place : place + 2]
    assert resumes.when - pauses.when >= 0.2
    assert pauses.why == resumes.why == moment


def test_a_waiter_is_paused_while_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fault_injection, "FAULT_SECONDS", 0.2)
    lock, log = FORK.Lock(), FileLog(tmp_path / "trace")
    lock.acquire()

    process = FORK.Process(target=works, args=(Recorder(log, "a", Injector(Fault(PAUSE, WAITING))), lock))
    process.start()
    for event in log.follow(lambda: not process.is_alive()):
        if event.what == RESUMES:
            assert event.why == WAITING
            lock.release()
    assert [event.what for event in log.events()] == ["starts", "requests", PAUSES, RESUMES, *ALL[2:]]


def test_an_actor_that_is_cut_off_continues_when_it_is_connected_again(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fault_injection, "FAULT_SECONDS", 0.5)
    log = StreamLog(url, "lab:test:trace")
    log.create()
    process = FORK.Process(target=works, args=(Recorder(log, "a", Injector(Fault(CUT, INSIDE), url)), FORK.Lock()))
    process.start()
    process.join(TIMEOUT)
    assert process.exitcode == 0
    assert [event.what for event in log.events()] == [*ALL[:3], CUT_OFF, RECONNECTS, *ALL[3:]]
    log.delete()


def test_the_run_may_end_while_an_actor_is_cut_off(
    url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(fault_injection, "FAULT_SECONDS", 1.0)
    monkeypatch.setattr(threading, "excepthook", lambda error: os.write(2, repr(error).encode()))  # pytest's is silent
    log = StreamLog(url, "lab:test:trace")
    log.create()
    process = FORK.Process(target=works, args=(Recorder(log, "a", Injector(Fault(CUT, INSIDE), url)), FORK.Lock()))
    process.start()
    wait_until(lambda: [event for event in log.events() if event.what == CUT_OFF])
    log.delete()
    process.join(TIMEOUT)
    assert process.exitcode == 1
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("kind", "what"), [(RESTART, RESTARTS), (RESTART_EMPTY, RESTARTS_EMPTY)])
def test_an_actor_restarts_the_server(tmp_path: Path, kind: str, what: str):
    log = FileLog(tmp_path / "trace")
    with closing(PrivateServer(restart=True)) as server, broker.Context(server.url) as ctx:
        lock, injector = ctx.Lock(lease=TIMEOUT), Injector(Fault(kind, INSIDE), server.url)
        process = FORK.Process(target=works, args=(Recorder(log, "a", injector), lock))
        process.start()
        process.join(TIMEOUT)
    lost = ["loses lease"] if kind == RESTART_EMPTY else []
    assert [event.what for event in log.events()] == [*ALL[:3], what, SERVER_IS_BACK, *ALL[3:-1], *lost, ALL[-1]]


def test_who_records_in_a_file_is_cut_off_too(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch):
    """A program's processes on redis do: its server is not that of the log."""
    monkeypatch.setattr(fault_injection, "FAULT_SECONDS", 0.2)
    log, injector = FileLog(tmp_path / "trace"), Injector(Fault(CUT, INSIDE), url)
    process = FORK.Process(target=works, args=(Recorder(log, "a", injector), FORK.Lock()))
    process.start()
    process.join(TIMEOUT)
    assert [event.what for event in log.events() if event.what == CUT_OFF] == [CUT_OFF]


@pytest.mark.parametrize("kind", [CUT, RESTART, RESTART_EMPTY])
def test_without_a_server_nothing_happens_to_it(tmp_path: Path, kind: str):
    process, events = run_actor(tmp_path, Fault(kind, INSIDE))
    assert process.exitcode == 0
    assert [event.what for event in events] == ALL


def test_an_actor_in_no_section_meets_its_fault_after_its_first_event(tmp_path: Path):
    _, events = run_actor(tmp_path, Fault(KILL, RUNNING), works_in_no_section)
    assert [event.what for event in events] == ["starts", "looks", DIES]


def test_an_actor_that_runs_again_does_not_die_again(tmp_path: Path):
    fault = Fault(KILL, INSIDE)
    first, _ = run_actor(tmp_path, fault)
    second, events = run_actor(tmp_path, fault)
    assert (first.exitcode, second.exitcode) == (-signal.SIGKILL, 0)
    assert [event.what for event in events if event.pid == second.pid] == ALL


def test_a_recorder_takes_its_fault_along_and_is_equal_to_one_without():
    log = FileLog(Path("trace"))
    recorder = pickle.loads(pickle.dumps(Recorder(log, "a", Injector(Fault(KILL, INSIDE)))))
    assert recorder.injector.fault == Fault(KILL, INSIDE)
    assert recorder == Recorder(log, "a")
