"""What an event promises, wherever it comes from."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.backends import World


def test_a_new_event_is_not_set(alone: Any) -> None:
    event = alone.Event()
    assert event.is_set() is False
    assert event.wait(0) is False


def test_set_and_clear_may_be_repeated(alone: Any) -> None:
    event = alone.Event()
    assert event.set() is None
    event.set()
    assert event.is_set() is True
    assert event.clear() is None
    event.clear()
    assert event.is_set() is False


@pytest.mark.parametrize("timeout", [None, 0, -1, 1e-9, 0.05])
def test_a_set_event_lets_everybody_pass_at_once(alone: Any, timeout: float | None) -> None:
    event = alone.Event()
    event.set()
    assert event.wait(timeout) is True
    assert event.wait(timeout=timeout) is True
    assert event.is_set() is True


@pytest.mark.parametrize("timeout", [0, -1, 1e-9, 0.05])
def test_a_time_out_of_any_length_returns_false(alone: Any, timeout: float) -> None:
    event = alone.Event()
    assert event.wait(timeout) is False
    event.set()
    event.clear()
    assert event.wait(timeout) is False, "what was set and cleared before the wait does not count"


def test_set_wakes_all_who_wait(world: World) -> None:
    event = world.context.Event()
    waiters = [world.actor(event) for _ in range(3)]
    for waiter in waiters:
        waiter.begin("wait")
        assert waiter.blocked(0.05)
    event.set()
    assert [waiter.result() for waiter in waiters] == [True, True, True]


def test_all_see_the_same_flag(world: World) -> None:
    event = world.context.Event()
    other = world.actor(event)
    other.call("set")
    assert event.is_set() is True
    event.clear()
    assert other.call("is_set") is False
    assert other.call("wait", 0.01) is False


def test_a_waiter_that_timed_out_may_wait_again(world: World) -> None:
    event = world.context.Event()
    waiter = world.actor(event)
    assert waiter.call("wait", timeout=0.01) is False
    waiter.begin("wait", 10)
    assert waiter.blocked(0.05)
    event.set()
    assert waiter.result() is True


def test_a_set_that_is_cleared_at_once_wakes_who_waited(world: World) -> None:
    event = world.context.Event()
    waiters = [world.actor(event) for _ in range(2)]
    world.begin(waiters, event, "wait", 5)
    event.set()
    event.clear()
    woken = [waiter.result() for waiter in waiters]
    if world.differs("set, then clear"):
        assert woken == [True, True]
    else:
        assert all(isinstance(each, bool) for each in woken), "True or False, and nobody can say which"
