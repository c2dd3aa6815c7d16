"""Threads of a process share its handles and permits; a thread that lost its lease never releases another's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from broker import Context, LeaseLostError, NotHeldError
from broker.engine import session
from tests.support.actors import Actors
from tests.support.server_state import holders, run_command


def test_any_thread_of_the_holding_process_may_release(ctx: Context, actors: Actors) -> None:
    lock = ctx.Lock()
    lock.acquire()
    thread = actors.thread(lock)
    assert thread.call("held") is True
    thread.call("release")
    assert holders(lock) == []
    with pytest.raises(NotHeldError):
        lock.release()


def test_thread_with_lost_lease_does_not_release_another_threads_permit(ctx: Context, actors: Actors) -> None:
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


def test_thread_releases_its_own_permit_first(ctx: Context, actors: Actors) -> None:
    semaphore = ctx.BoundedSemaphore(2)
    semaphore.acquire()
    own_fence = semaphore.fence
    other = actors.thread(semaphore)
    other.call("acquire")
    assert other.call("fence") > own_fence
    assert semaphore.fence == own_fence
    semaphore.release()
    assert other.call("held") is True
    assert semaphore.fence == other.call("fence"), "the remaining permit of this process"


def test_concurrent_releases_of_one_lock_succeed_once(ctx: Context, actors: Actors) -> None:
    lock = ctx.Lock()
    threads = [actors.thread(lock) for _ in range(4)]
    for _ in range(20):
        lock.acquire()
        for thread in threads:
            thread.begin("release")
        outcomes = [outcome_of(thread.result) for thread in threads]
        assert outcomes.count(None) == 1
        assert outcomes.count(NotHeldError) == len(threads) - 1


def outcome_of(call: Callable[[], object]) -> object:
    try:
        return call()
    except NotHeldError as error:
        return type(error)


def test_handles_with_the_same_name_are_one_lock(ctx: Context) -> None:
    first = ctx.Lock()
    second = ctx.Lock(name=first.name)
    first.acquire()
    assert second.held
    assert second.acquire(False) is False
    second.release()
    assert not first.held


def test_concurrent_first_uses_share_one_session(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """With two sessions, a thread could not release what a thread of the other session holds."""
    url = ctx.url + "?db=1"
    wire_factory, both_inside = session.wire_factory, threading.Barrier(2)

    def slow_factory(where: str) -> object:
        with suppress(threading.BrokenBarrierError):
            both_inside.wait(0.2)  # without a lock around it, both threads would get here
        return wire_factory(where)

    monkeypatch.setattr(session, "wire_factory", slow_factory)
    found: list[session.Session] = []
    threads = [threading.Thread(target=lambda: found.append(session.get_session(url))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]
    found[0].close()
