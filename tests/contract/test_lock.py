"""What a lock promises, wherever it comes from."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.contract.backends import PROCESSES, World
from tests.support.waiting import wait_until

ROUNDS = 25


class Till:
    """A count that is right only if nobody else is between the reading and the writing."""

    def __init__(self, lock: Any, path: str) -> None:
        self.lock = lock
        self.path = path

    def pay(self, times: int) -> None:
        for _ in range(times):
            with self.lock:
                with open(self.path) as file:
                    total = int(file.read())
                with open(self.path, "w") as file:
                    file.write(str(total + 1))


def test_acquire_and_release_return_what_multiprocessing_returns(alone: Any) -> None:
    lock = alone.Lock()
    assert lock.acquire() is True
    assert lock.release() is None


def test_with_holds_the_lock_inside_and_not_after(alone: Any) -> None:
    lock = alone.Lock()
    with lock as entered:
        assert entered is True
        assert lock.acquire(block=False) is False
    assert lock.acquire(block=False) is True


def test_with_releases_after_an_exception(alone: Any) -> None:
    lock = alone.Lock()
    with pytest.raises(KeyError), lock:
        raise KeyError
    assert lock.acquire(False)


@pytest.mark.parametrize("timeout", [0, 0.0, -1, -0.001, 1e-9, 0.001, 0.05])
def test_a_time_out_of_any_length_returns_false(alone: Any, timeout: float) -> None:
    lock = alone.Lock()
    assert lock.acquire(timeout=timeout) is True, "a free lock is had with any time-out"
    assert lock.acquire(True, timeout) is False
    assert lock.acquire(timeout=timeout) is False
    lock.release()
    assert lock.acquire(timeout=timeout) is True, "those that gave up left nothing behind"


def test_not_blocking_ignores_the_time_out(alone: Any) -> None:
    lock = alone.Lock()
    assert lock.acquire(False, 60) is True
    assert lock.acquire(block=False, timeout=60) is False


def test_releasing_a_free_lock_is_a_value_error(alone: Any) -> None:
    lock = alone.Lock()
    with pytest.raises(ValueError, match=r"."):
        lock.release()
    assert lock.acquire(False), "and the lock is free as before"
    lock.release()
    with pytest.raises(ValueError, match=r"."):
        lock.release()


def test_locked(world: World) -> None:
    lock = world.context.Lock()
    if not world.differs("locked()") and sys.version_info < (3, 14):
        assert not hasattr(lock, "locked")
        return
    assert lock.locked() is False
    with lock:
        assert lock.locked() is True
        assert world.actor(lock).call("locked") is True
    assert lock.locked() is False


def test_a_waiter_waits_until_the_release(world: World) -> None:
    lock = world.context.Lock()
    waiter = world.actor(lock)
    lock.acquire()
    waiter.begin("acquire")
    assert waiter.blocked(0.1)
    lock.release()
    assert waiter.result() is True
    assert lock.acquire(False) is False, "now the waiter holds it"
    waiter.call("release")
    assert lock.acquire(False) is True


def test_a_waiter_gives_up_after_its_time_out_and_may_try_again(world: World) -> None:
    lock = world.context.Lock()
    waiter = world.actor(lock)
    lock.acquire()
    assert waiter.call("acquire", True, 0.05) is False
    assert waiter.call("acquire", block=False) is False
    lock.release()
    assert waiter.call("acquire", timeout=0.05) is True


def test_only_one_at_a_time(world: World, tmp_path: Any) -> None:
    path = tmp_path / "till"
    path.write_text("0")
    till = Till(world.context.Lock(), str(path))
    actors = [world.actor(till) for _ in range(3)]
    for actor in actors:
        actor.begin("pay", ROUNDS)
    for actor in actors:
        actor.result()
    assert path.read_text() == str(ROUNDS * len(actors))


def test_any_thread_may_release_what_another_took(alone: Any, actors: Any) -> None:
    lock = alone.Lock()
    assert actors.thread(lock).call("acquire") is True
    lock.release()
    assert lock.acquire(False)


def test_who_may_release(world: World) -> None:
    lock = world.context.Lock()
    other = world.actor(lock)
    lock.acquire()
    if world.differs("who may release") and world.actor_kind != "threads":
        with pytest.raises(ValueError, match="not held by this process"):
            other.call("release")
        assert other.call("acquire", False) is False
        lock.release()
    else:
        other.call("release")
    assert other.call("acquire", False) is True


def test_waiters_are_served(world: World) -> None:
    lock = world.context.Lock()
    waiters = [world.actor(lock) for _ in range(3)]
    lock.acquire()
    world.begin(waiters, lock, "acquire")
    lock.release()
    served = []
    while len(served) < len(waiters):
        wait_until(lambda: [waiter for waiter in waiters if waiter not in served and not waiter.blocked()])
        first = next(waiter for waiter in waiters if waiter not in served and not waiter.blocked())
        assert first.result() is True
        assert all(waiter.blocked() for waiter in waiters if waiter not in [*served, first])
        served.append(first)
        first.call("release")
    if world.differs("fairness"):
        assert served == waiters


@pytest.mark.parametrize("world", PROCESSES, indirect=True)
def test_what_a_killed_process_held(world: World) -> None:
    lock = world.context.Lock(lease=0.5) if world.twin else world.context.Lock()
    holder = world.actor(lock)
    holder.call("acquire")
    holder.kill()
    if world.differs("held by a killed process"):
        assert lock.acquire() is True
    else:
        assert lock.acquire(timeout=0.5) is False
