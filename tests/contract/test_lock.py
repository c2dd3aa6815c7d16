"""What every lock promises, multiprocessing's and the broker's."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.contract.backends import PROCESSES, Backend
from tests.support.waiting import wait_until

ROUNDS = 25


class FileCounter:
    """A counter in a file, incremented under a lock; without mutual exclusion increments get lost."""

    def __init__(self, lock: Any, path: str) -> None:
        self.lock = lock
        self.path = path

    def increment(self, times: int) -> None:
        for _ in range(times):
            with self.lock:
                with open(self.path) as file:
                    total = int(file.read())
                with open(self.path, "w") as file:
                    file.write(str(total + 1))


def test_return_values_of_acquire_and_release(context: Any) -> None:
    lock = context.Lock()
    assert lock.acquire() is True
    assert lock.release() is None


def test_with_block_holds_the_lock(context: Any) -> None:
    lock = context.Lock()
    with lock as entered:
        assert entered is True
        assert lock.acquire(block=False) is False
    assert lock.acquire(block=False) is True


def test_with_block_releases_after_an_exception(context: Any) -> None:
    lock = context.Lock()
    with pytest.raises(KeyError), lock:
        raise KeyError
    assert lock.acquire(False)


@pytest.mark.parametrize("timeout", [0, 0.0, -1, -0.001, 1e-9, 0.001, 0.05])
def test_acquire_returns_false_after_any_timeout(context: Any, timeout: float) -> None:
    lock = context.Lock()
    assert lock.acquire(timeout=timeout) is True, "a free lock is acquired with any timeout"
    assert lock.acquire(True, timeout) is False
    assert lock.acquire(timeout=timeout) is False
    lock.release()
    assert lock.acquire(timeout=timeout) is True, "the waiters that timed out left nothing behind"


def test_nonblocking_acquire_ignores_the_timeout(context: Any) -> None:
    lock = context.Lock()
    assert lock.acquire(False, 60) is True
    assert lock.acquire(block=False, timeout=60) is False


def test_releasing_a_free_lock_raises_value_error(context: Any) -> None:
    lock = context.Lock()
    with pytest.raises(ValueError, match=r"."):
        lock.release()
    assert lock.acquire(False), "the lock is still free"
    lock.release()
    with pytest.raises(ValueError, match=r"."):
        lock.release()


def test_locked(backend: Backend) -> None:
    lock = backend.context.Lock()
    if not backend.differs("locked()") and sys.version_info < (3, 14):
        assert not hasattr(lock, "locked")
        return
    assert lock.locked() is False
    with lock:
        assert lock.locked() is True
        assert backend.actor(lock).call("locked") is True
    assert lock.locked() is False


def test_waiter_blocks_until_release(backend: Backend) -> None:
    lock = backend.context.Lock()
    waiter = backend.actor(lock)
    lock.acquire()
    waiter.begin("acquire")
    assert waiter.blocked(0.1)
    lock.release()
    assert waiter.result() is True
    assert lock.acquire(False) is False, "now the waiter holds it"
    waiter.call("release")
    assert lock.acquire(False) is True


def test_waiter_can_acquire_again_after_a_timeout(backend: Backend) -> None:
    lock = backend.context.Lock()
    waiter = backend.actor(lock)
    lock.acquire()
    assert waiter.call("acquire", True, 0.05) is False
    assert waiter.call("acquire", block=False) is False
    lock.release()
    assert waiter.call("acquire", timeout=0.05) is True


def test_mutual_exclusion(backend: Backend, tmp_path: Any) -> None:
    path = tmp_path / "counter"
    path.write_text("0")
    counter = FileCounter(backend.context.Lock(), str(path))
    actors = [backend.actor(counter) for _ in range(3)]
    for actor in actors:
        actor.begin("increment", ROUNDS)
    for actor in actors:
        actor.result()
    assert path.read_text() == str(ROUNDS * len(actors))


def test_another_thread_can_release(context: Any, actors: Any) -> None:
    lock = context.Lock()
    assert actors.thread(lock).call("acquire") is True
    lock.release()
    assert lock.acquire(False)


def test_release_by_another_process(backend: Backend) -> None:
    lock = backend.context.Lock()
    other = backend.actor(lock)
    lock.acquire()
    if backend.differs("who may release") and backend.actor_kind != "threads":
        with pytest.raises(ValueError, match="not held by this process"):
            other.call("release")
        assert other.call("acquire", False) is False
        lock.release()
    else:
        other.call("release")
    assert other.call("acquire", False) is True


def test_order_of_waiters(backend: Backend) -> None:
    lock = backend.context.Lock()
    waiters = [backend.actor(lock) for _ in range(3)]
    lock.acquire()
    backend.begin(waiters, lock, "acquire")
    lock.release()
    served = []
    while len(served) < len(waiters):
        wait_until(lambda: [waiter for waiter in waiters if waiter not in served and not waiter.blocked()])
        first = next(waiter for waiter in waiters if waiter not in served and not waiter.blocked())
        assert first.result() is True
        assert all(waiter.blocked() for waiter in waiters if waiter not in [*served, first])
        served.append(first)
        first.call("release")
    if backend.differs("fairness"):
        assert served == waiters


@pytest.mark.parametrize("backend", PROCESSES, indirect=True)
def test_lock_of_killed_holder(backend: Backend) -> None:
    lock = backend.context.Lock(lease=0.5) if backend.over_redis else backend.context.Lock()
    holder = backend.actor(lock)
    holder.call("acquire")
    holder.kill()
    if backend.differs("killed holder"):
        assert lock.acquire() is True
    else:
        assert lock.acquire(timeout=0.5) is False
