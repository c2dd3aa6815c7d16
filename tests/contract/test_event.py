"""What every event promises, multiprocessing's and the broker's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.backends import Backend


def test_new_event_is_not_set(context: Any) -> None:
    event = context.Event()
    assert event.is_set() is False
    assert event.wait(0) is False


def test_set_and_clear_can_be_repeated(context: Any) -> None:
    event = context.Event()
    assert event.set() is None
    event.set()
    assert event.is_set() is True
    assert event.clear() is None
    event.clear()
    assert event.is_set() is False


@pytest.mark.parametrize("timeout", [None, 0, -1, 1e-9, 0.05])
def test_wait_returns_at_once_if_set(context: Any, timeout: float | None) -> None:
    event = context.Event()
    event.set()
    assert event.wait(timeout) is True
    assert event.wait(timeout=timeout) is True
    assert event.is_set() is True


@pytest.mark.parametrize("timeout", [0, -1, 1e-9, 0.05])
def test_wait_returns_false_after_any_timeout(context: Any, timeout: float) -> None:
    event = context.Event()
    assert event.wait(timeout) is False
    event.set()
    event.clear()
    assert event.wait(timeout) is False, "a set() that was cleared before the wait does not count"


def test_set_wakes_all_waiters(backend: Backend) -> None:
    event = backend.context.Event()
    waiters = [backend.actor(event) for _ in range(3)]
    for waiter in waiters:
        waiter.begin("wait")
        assert waiter.blocked(0.05)
    event.set()
    assert [waiter.result() for waiter in waiters] == [True, True, True]


def test_all_actors_see_the_same_flag(backend: Backend) -> None:
    event = backend.context.Event()
    other = backend.actor(event)
    other.call("set")
    assert event.is_set() is True
    event.clear()
    assert other.call("is_set") is False
    assert other.call("wait", 0.01) is False


def test_waiter_can_wait_again_after_a_timeout(backend: Backend) -> None:
    event = backend.context.Event()
    waiter = backend.actor(event)
    assert waiter.call("wait", timeout=0.01) is False
    waiter.begin("wait", 10)
    assert waiter.blocked(0.05)
    event.set()
    assert waiter.result() is True


def test_clear_right_after_set(backend: Backend) -> None:
    event = backend.context.Event()
    waiters = [backend.actor(event) for _ in range(2)]
    backend.begin(waiters, event, "wait", 5)
    event.set()
    event.clear()
    woken = [waiter.result() for waiter in waiters]
    if backend.differs("clear() right after set()"):
        assert woken == [True, True]
    else:
        assert all(isinstance(each, bool) for each in woken), "multiprocessing promises neither"
