"""What semaphores promise, wherever they come from."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.backends import World
from tests.support.actors import Actors


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
def test_permits_are_counted(alone: Any, kind: str) -> None:
    semaphore = getattr(alone, kind)(2)
    assert semaphore.get_value() == 2
    assert semaphore.acquire() is True
    assert semaphore.acquire(block=False) is True
    assert semaphore.get_value() == 0
    assert semaphore.acquire(False) is False
    assert semaphore.release() is None
    assert semaphore.get_value() == 1


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
def test_there_is_one_permit_unless_told(alone: Any, kind: str) -> None:
    assert getattr(alone, kind)().get_value() == 1
    assert getattr(alone, kind)(value=3).get_value() == 3


def test_with_takes_one_permit(alone: Any) -> None:
    semaphore = alone.Semaphore(2)
    with semaphore as entered:
        assert entered is True
        assert semaphore.get_value() == 1
    assert semaphore.get_value() == 2


@pytest.mark.parametrize("timeout", [0, -1, 1e-9, 0.05])
def test_a_time_out_returns_false_and_takes_nothing(alone: Any, timeout: float) -> None:
    semaphore = alone.Semaphore(0)
    assert semaphore.acquire(timeout=timeout) is False
    semaphore.release()
    assert semaphore.get_value() == 1
    assert semaphore.acquire(timeout=timeout) is True


def test_release_beyond_the_start_adds_a_permit(alone: Any) -> None:
    semaphore = alone.Semaphore(1)
    semaphore.release()
    assert semaphore.get_value() == 2
    assert [semaphore.acquire(False) for _ in range(3)] == [True, True, False]


def test_a_bounded_one_refuses_to_go_beyond_its_start(alone: Any) -> None:
    semaphore = alone.BoundedSemaphore(1)
    with pytest.raises(ValueError, match=r"."):
        semaphore.release()
    assert semaphore.get_value() == 1


def test_a_negative_start_is_refused(world: World) -> None:
    with pytest.raises(ValueError if world.differs("a negative start") else OSError, match=r"."):
        world.context.Semaphore(-1)


def test_any_thread_may_release_what_another_took(alone: Any, actors: Actors) -> None:
    semaphore = alone.BoundedSemaphore(1)
    assert actors.thread(semaphore).call("acquire")
    semaphore.release()
    assert semaphore.get_value() == 1


def test_all_see_the_same_count(world: World) -> None:
    semaphore = world.context.Semaphore(2)
    actor = world.actor(semaphore)
    assert actor.call("acquire") is True
    assert semaphore.get_value() == 1
    assert semaphore.acquire(False)
    assert actor.call("get_value") == 0
    actor.call("release")
    assert semaphore.get_value() == 1


def test_one_makes_what_another_takes(world: World) -> None:
    goods = world.context.Semaphore(0)
    taker = world.actor(goods)
    taker.begin("acquire")
    assert taker.blocked(0.1)
    goods.release()
    assert taker.result() is True
    assert goods.get_value() == 0


def test_as_many_as_there_are_permits_get_in(world: World) -> None:
    semaphore = world.context.Semaphore(2)
    actors = [world.actor(semaphore) for _ in range(4)]
    assert [actor.call("acquire", False) for actor in actors] == [True, True, False, False]
    actors[2].begin("acquire")
    actors[3].begin("acquire")
    assert actors[2].blocked(0.05)
    actors[0].call("release")
    actors[1].call("release")
    assert actors[2].result() is True
    assert actors[3].result() is True
    assert semaphore.acquire(False) is False


def test_waiters_are_served_in_turn(world: World) -> None:
    semaphore = world.context.Semaphore(0)
    waiters = [world.actor(semaphore) for _ in range(3)]
    world.begin(waiters, semaphore, "acquire")
    semaphore.release()
    if world.differs("fairness"):
        assert waiters[0].result() is True
        assert waiters[1].blocked(0.05)
    semaphore.release()
    semaphore.release()
    for waiter in waiters[1 if world.twin else 0 :]:
        assert waiter.result() is True
    assert semaphore.acquire(False) is False
