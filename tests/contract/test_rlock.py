"""What every reentrant lock promises, multiprocessing's and the broker's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.backends import PROCESSES, Backend


def test_depth_is_counted(backend: Backend) -> None:
    lock = backend.context.RLock()
    other = backend.actor(lock)
    assert [lock.acquire(), lock.acquire(False), lock.acquire(timeout=0)] == [True] * 3
    for _ in range(3):
        assert other.call("acquire", False) is False
        assert lock.release() is None
    assert other.call("acquire", False) is True


def test_with_blocks_nest(backend: Backend) -> None:
    lock = backend.context.RLock()
    other = backend.actor(lock)
    with lock as outer, lock as inner:
        assert (outer, inner) == (True, True)
        assert other.call("acquire", False) is False
    assert other.call("acquire", False) is True


def test_releasing_a_free_lock_raises(context: Any) -> None:
    lock = context.RLock()
    with pytest.raises(AssertionError):
        lock.release()
    with lock:
        pass
    with pytest.raises(AssertionError):
        lock.release()
    assert lock.acquire(False) is True


def test_release_by_another_process_or_thread_is_refused(backend: Backend) -> None:
    lock = backend.context.RLock()
    other = backend.actor(lock)
    lock.acquire()
    lock.acquire()
    with pytest.raises(AssertionError):
        other.call("release")
    lock.release()
    assert other.call("acquire", False) is False
    lock.release()
    assert other.call("acquire", False) is True


def test_waiter_blocks_until_the_last_release(backend: Backend) -> None:
    lock = backend.context.RLock()
    waiter = backend.actor(lock)
    lock.acquire()
    lock.acquire()
    assert waiter.call("acquire", True, 0.05) is False
    backend.begin([waiter], lock, "acquire")
    lock.release()
    assert waiter.blocked(0.1)
    lock.release()
    assert waiter.result() is True
    assert lock.acquire(False) is False
    waiter.call("release")
    assert lock.acquire(False) is True


@pytest.mark.parametrize("backend", PROCESSES, indirect=True)
def test_child_of_the_owner_owns_nothing(backend: Backend) -> None:
    lock = backend.context.RLock()
    lock.acquire()
    child = backend.actor(lock)
    assert child.call("acquire", False) is False
    with pytest.raises(AssertionError):
        child.call("release")
    lock.release()
