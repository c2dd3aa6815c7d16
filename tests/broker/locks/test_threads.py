"""Threads share a handle, and with it what their process holds; but nobody lays hands on another's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from broker import Context, LeaseLostError, NotHeldError
from broker.engine import session
from tests.support.actors import Actors
from tests.support.server_state import holders, run_command


def test_any_thread_may_release(ctx: Context, actors: Actors) -> None:
    lock = ctx.Lock()
    lock.acquire()
    thread = actors.thread(lock)
    assert thread.call("held") is True
    thread.call("release")
    assert holders(lock) == []
    with pytest.raises(NotHeldError):
        lock.release()


def test_a_thread_that_lost_its_lease_does_not_release_another_threads(ctx: Context, actors: Actors) -> None:
    lock = ctx.Lock()
    lock.acquire()
    run_command(lock, b"HDEL", lock._keys[0], *holders(lock))  # as if the lease had ended
    other = actors.thread(lock)
    assert other.call("acquire") is True
    with pytest.raises(LeaseLostError):
        lock.release()
    assert len(holders(lock)) == 1
    assert other.call("held") is True
    other.call("release")


def test_a_thread_releases_its_own_permit_first(ctx: Context, actors: Actors) -> None:
    semaphore = ctx.BoundedSemaphore(2)
    semaphore.acquire()
    mine = semaphore.fence
    other = actors.thread(semaphore)
    other.call("acquire")
    assert other.call("fence") > mine
    assert semaphore.fence == mine
    semaphore.release()
    assert other.call("held") is True
    assert semaphore.fence == other.call("fence"), "which is what this process holds"


def test_two_threads_cannot_release_the_same(ctx: Context, actors: Actors) -> None:
    lock = ctx.Lock()
    threads = [actors.thread(lock) for _ in range(4)]
    for _ in range(20):
        lock.acquire()
        for thread in threads:
            thread.begin("release")
        outcomes = [answer(thread.result) for thread in threads]
        assert outcomes.count(None) == 1
        assert outcomes.count(NotHeldError) == len(threads) - 1


def answer(call: Callable[[], object]) -> object:
    try:
        return call()
    except NotHeldError as error:
        return type(error)


def test_handles_of_one_name_are_one_lock(ctx: Context) -> None:
    first = ctx.Lock()
    second = ctx.Lock(name=first.name)
    first.acquire()
    assert second.held
    assert second.acquire(False) is False
    second.release()
    assert not first.held


def test_threads_that_come_first_at_once_meet_in_one_session(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sessions would each know only what the other one's threads do not hold."""
    url = ctx.url + "?db=1"
    wire_factory, all_here = session.wire_factory, threading.Barrier(2)

    def slow_factory(where: str) -> object:
        with suppress(threading.BrokenBarrierError):
            all_here.wait(0.2)  # both at once in here, if nothing keeps them apart
        return wire_factory(where)

    monkeypatch.setattr(session, "wire_factory", slow_factory)
    found: list[session.Session] = []
    threads = [threading.Thread(target=lambda: found.append(session.session(url))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]
    found[0].close()
