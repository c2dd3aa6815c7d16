"""What every condition promises, multiprocessing's and the broker's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.backends import PROCESSES, Backend
from tests.support.actors import Actor
from tests.support.server_state import count_waiters
from tests.support.waiting import wait_until

LOCKS = ("Lock", "RLock", None)


def make(context: Any, lock: str | None) -> Any:
    return context.Condition() if lock is None else context.Condition(getattr(context, lock)())


def begin_wait(backend: Backend, condition: Any, waiters: list[Actor], *arguments: object) -> None:
    for place, waiter in enumerate(waiters, 1):
        waiter.call("acquire")
        waiter.begin("wait", *arguments)
        if backend.over_redis:
            wait_until(lambda: count_waiters(condition) == place)  # noqa: B023 - called in this round only
        with condition:  # it has been released
            assert waiter.blocked()


@pytest.mark.parametrize("lock", LOCKS)
def test_wait_until_notified(backend: Backend, lock: str | None) -> None:
    condition = make(backend.context, lock)
    waiters = [backend.actor(condition) for _ in range(3)]
    begin_wait(backend, condition, waiters)
    with condition:
        assert condition.notify() is None
    wait_until(lambda: not all(waiter.blocked() for waiter in waiters))
    [first] = [waiter for waiter in waiters if not waiter.blocked()]
    assert first.result() is True
    if backend.differs("fairness"):
        assert first is waiters[0]
    first.call("release")
    with condition:
        condition.notify_all()
    for _ in range(2):
        wait_until(lambda: any(not each.blocked() for each in waiters))
        woken = next(each for each in waiters if not each.blocked())
        assert woken.result() is True
        woken.call("release")


def test_return_values(context: Any) -> None:
    condition = context.Condition()
    with condition as entered:
        assert entered is True
        assert condition.acquire(False) is True, "it is reentrant"
        assert condition.wait(0) is False
        assert condition.wait(timeout=0.01) is False
        assert condition.wait_for(lambda: 0, timeout=0.01) == 0
        assert condition.wait_for(lambda: 5) == 5
        assert condition.notify(2) is None
        assert condition.notify_all() is None
        assert condition.release() is None


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("call", ["wait", "notify", "notify_all"])
def test_call_without_the_lock_raises(context: Any, lock: str | None, call: str) -> None:
    condition = make(context, lock)
    with pytest.raises(AssertionError):
        getattr(condition, call)()
    with condition:
        assert condition.wait(0) is False, "nothing has changed"


def test_timeout_needs_the_lock(backend: Backend) -> None:
    condition = backend.context.Condition()
    waiter = backend.actor(condition)
    begin_wait(backend, condition, [waiter], 0.2)
    with condition:
        assert waiter.blocked(0.4)
    assert waiter.result() is False
    assert condition.acquire(False) is False
    waiter.call("release")


@pytest.mark.parametrize("backend", PROCESSES, indirect=True)
def test_depth_is_kept_across_a_wait(backend: Backend) -> None:
    condition = backend.context.Condition()
    waiter = backend.actor(condition)
    waiter.call("acquire")
    begin_wait(backend, condition, [waiter])
    with condition:
        condition.notify()
    assert waiter.result() is True
    waiter.call("release")
    assert condition.acquire(False) is False
    waiter.call("release")
    assert condition.acquire(False) is True
