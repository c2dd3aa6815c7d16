"""What every semaphore promises, multiprocessing's and the broker's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.backends import Backend
from tests.support.actors import Actors


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
def test_permits_are_counted(context: Any, kind: str) -> None:
    semaphore = getattr(context, kind)(2)
    assert semaphore.get_value() == 2
    assert semaphore.acquire() is True
    assert semaphore.acquire(block=False) is True
    assert semaphore.get_value() == 0
    assert semaphore.acquire(False) is False
    assert semaphore.release() is None
    assert semaphore.get_value() == 1


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
def test_initial_value_is_one_by_default(context: Any, kind: str) -> None:
    assert getattr(context, kind)().get_value() == 1
    assert getattr(context, kind)(value=3).get_value() == 3


def test_with_block_takes_one_permit(context: Any) -> None:
    semaphore = context.Semaphore(2)
    with semaphore as entered:
        assert entered is True
        assert semaphore.get_value() == 1
    assert semaphore.get_value() == 2


@pytest.mark.parametrize("timeout", [0, -1, 1e-9, 0.05])
def test_acquire_returns_false_after_any_timeout(context: Any, timeout: float) -> None:
    semaphore = context.Semaphore(0)
    assert semaphore.acquire(timeout=timeout) is False
    semaphore.release()
    assert semaphore.get_value() == 1
    assert semaphore.acquire(timeout=timeout) is True


def test_release_beyond_the_initial_value_adds_a_permit(context: Any) -> None:
    semaphore = context.Semaphore(1)
    semaphore.release()
    assert semaphore.get_value() == 2
    assert [semaphore.acquire(False) for _ in range(3)] == [True, True, False]


def test_bounded_semaphore_refuses_release_beyond_the_initial_value(context: Any) -> None:
    semaphore = context.BoundedSemaphore(1)
    with pytest.raises(ValueError, match=r"."):
        semaphore.release()
    assert semaphore.get_value() == 1


def test_negative_initial_value_is_refused(backend: Backend) -> None:
    with pytest.raises(ValueError if backend.differs("negative initial value") else OSError, match=r"."):
        backend.context.Semaphore(-1)


def test_another_thread_can_release(context: Any, actors: Actors) -> None:
    semaphore = context.BoundedSemaphore(1)
    assert actors.thread(semaphore).call("acquire")
    semaphore.release()
    assert semaphore.get_value() == 1


def test_all_actors_see_the_same_value(backend: Backend) -> None:
    semaphore = backend.context.Semaphore(2)
    actor = backend.actor(semaphore)
    assert actor.call("acquire") is True
    assert semaphore.get_value() == 1
    assert semaphore.acquire(False)
    assert actor.call("get_value") == 0
    actor.call("release")
    assert semaphore.get_value() == 1


def test_release_by_one_actor_wakes_another(backend: Backend) -> None:
    semaphore = backend.context.Semaphore(0)
    waiter = backend.actor(semaphore)
    waiter.begin("acquire")
    assert waiter.blocked(0.1)
    semaphore.release()
    assert waiter.result() is True
    assert semaphore.get_value() == 0


def test_as_many_acquire_as_there_are_permits(backend: Backend) -> None:
    semaphore = backend.context.Semaphore(2)
    actors = [backend.actor(semaphore) for _ in range(4)]
    assert [actor.call("acquire", False) for actor in actors] == [True, True, False, False]
    actors[2].begin("acquire")
    actors[3].begin("acquire")
    assert actors[2].blocked(0.05)
    actors[0].call("release")
    actors[1].call("release")
    assert actors[2].result() is True
    assert actors[3].result() is True
    assert semaphore.acquire(False) is False


def test_order_of_waiters(backend: Backend) -> None:
    semaphore = backend.context.Semaphore(0)
    waiters = [backend.actor(semaphore) for _ in range(3)]
    backend.begin(waiters, semaphore, "acquire")
    semaphore.release()
    if backend.differs("fairness"):
        assert waiters[0].result() is True
        assert waiters[1].blocked(0.05)
    semaphore.release()
    semaphore.release()
    for waiter in waiters[1 if backend.over_redis else 0 :]:
        assert waiter.result() is True
    assert semaphore.acquire(False) is False
