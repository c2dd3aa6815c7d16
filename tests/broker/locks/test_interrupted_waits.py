"""A wait that Ctrl-C, an exception or a timeout ends leaves the queue; a concurrent grant is kept or returned."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from broker import Context
from broker.engine import request
from broker.engine.operations import Steps
from broker.locks import permits
from tests.support.actors import Actor, Actors
from tests.support.server_state import count_waiters, holders, start_waiting
from tests.support.waiting import wait_until

Process = Callable[[object], Actor]


def test_ctrl_c_leaves_the_queue(ctx: Context, process: Process) -> None:
    lock = ctx.Lock()
    lock.acquire()
    waiter = process(lock)
    start_waiting(lock, [waiter])
    waiter.signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        waiter.result()
    assert count_waiters(lock) == 0
    lock.release()
    assert lock.acquire(False), "nothing was granted to the waiter that left"
    lock.release()
    assert waiter.call("acquire") is True, "and it can acquire later"


def test_next_waiter_is_served_after_ctrl_c_of_the_first(ctx: Context, process: Process) -> None:
    lock = ctx.Lock()
    lock.acquire()
    first, second = process(lock), process(lock)
    start_waiting(lock, [first, second])
    first.signal(signal.SIGINT)
    wait_until(lambda: count_waiters(lock) == 1)
    lock.release()
    assert second.result() is True


def test_ctrl_c_while_a_grant_arrives_releases_it(
    ctx: Context, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = ctx.Lock()
    lock.acquire()

    def interrupted(request: object, message: bytes) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(permits.PermitRequest, "on_message", interrupted)
    waiter = actors.thread(lock)
    start_waiting(lock, [waiter])
    lock.release()
    with pytest.raises(KeyboardInterrupt):
        waiter.result()
    assert holders(lock) == []


def test_ctrl_c_ends_the_wait_for_an_event(ctx: Context, process: Process) -> None:
    event = ctx.Event()
    waiter = process(event)
    assert waiter.call("wait", 0.01) is False
    waiter.begin("wait")
    assert waiter.blocked(0.1)
    waiter.signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        waiter.result()
    event.set()
    assert waiter.call("wait") is True


def test_grant_that_arrives_at_the_timeout_is_kept(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = ctx.Lock()
    lock.acquire()
    wait = request.wait

    def wait_and_be_granted(*arguments: Any) -> Steps[bool]:
        answered = yield from wait(*arguments)
        if not answered:
            lock.release()
        return answered

    monkeypatch.setattr(request, "wait", wait_and_be_granted)
    assert lock.acquire(timeout=0.05) is True
    assert len(holders(lock)) == 1
    lock.release()


def test_timeout_near_the_grant_either_holds_or_leaves_nothing(ctx: Context, actors: Actors) -> None:
    lock = ctx.Lock()
    waiter = actors.thread(lock)
    for step in range(40):
        lock.acquire()
        waiter.begin("acquire", timeout=0.02)
        time.sleep(0.018 + step * 0.0001)  # the timeout and the release must fall into the same moment
        lock.release()
        acquired = waiter.result()
        assert len(holders(lock)) == int(acquired)
        assert count_waiters(lock) == 0
        if acquired:
            waiter.call("release")
