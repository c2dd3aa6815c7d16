"""Conditions: notified waiters queue for the lock, in the order in which they have come."""

from __future__ import annotations

import multiprocessing
import pickle
from typing import Any

import pytest
import redis

from broker import Context, InvalidArgumentError, Lock, MismatchError, UnsupportedError
from broker.engine.handle import INDEX
from tests.support.actors import Actors
from tests.support.conditions import LONG, Process, begin_wait, gets_the_lock, nothing_is_left, notify
from tests.support.server_state import holders, start_waiting
from tests.support.waiting import wait_until


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_longest_waiters_are_notified_first_and_get_the_lock_in_turn(ctx: Context, process: Process, kind: str) -> None:
    condition = ctx.Condition(getattr(ctx, kind)(lease=LONG))
    waiters = [process(condition) for _ in range(3)]
    begin_wait(condition, waiters)
    assert [each.pid for each in condition.waiters()] == [each.pid for each in waiters]
    notify(condition, 2)
    assert waiters[0].result() is True
    assert waiters[1].blocked(0.1), "it is notified, and the first has the lock"
    waiters[0].call("release")
    gets_the_lock(waiters[1])
    assert waiters[2].blocked(0.1)
    notify(condition)
    gets_the_lock(waiters[2])
    assert nothing_is_left(condition)


def test_notified_waiters_queue_behind_those_that_wait_for_the_lock(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=LONG)
    waiter, other = process(condition), process(condition.lock)
    begin_wait(condition, [waiter])
    with condition:
        start_waiting(condition.lock, [other])
        condition.notify()
        assert [each.pid for each in condition.lock.waiters()] == [other.pid, waiter.pid]
    assert other.result() is True
    assert waiter.blocked(0.1)
    other.call("release")
    gets_the_lock(waiter)


def test_waiting_hands_the_lock_to_the_next(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=LONG)
    first, second = process(condition), process(condition)
    first.call("acquire")
    start_waiting(condition.lock, [second])
    first.begin("wait")
    assert second.result() is True
    second.call("notify")
    second.call("release")
    gets_the_lock(first)


def test_depth_is_kept(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=LONG)
    waiter = process(condition)
    for _ in range(2):
        waiter.call("acquire")
    begin_wait(condition, [waiter])
    notify(condition)
    assert waiter.result() is True
    for _ in range(3):
        assert condition.acquire(False) is False
        waiter.call("release")
    assert nothing_is_left(condition)


def test_timeout_comes_back_with_the_lock(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=LONG)
    waiter = process(condition)
    for timeout in (0, -1, 0.05):
        waiter.call("acquire")
        assert waiter.call("wait", timeout) is False
        assert condition.acquire(False) is False
        waiter.call("release")
    assert nothing_is_left(condition)


def test_waiter_that_has_timed_out_takes_no_notification(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=LONG)
    first, second = process(condition), process(condition)
    begin_wait(condition, [first], 0.3)
    begin_wait(condition, [second])
    with condition:
        wait_until(lambda: [each.pid for each in condition.lock.waiters()] == [first.pid])
        condition.notify()
    assert first.result() is False
    first.call("release")
    gets_the_lock(second)


def test_waiter_that_was_notified_in_time_returns_true_however_late_it_gets_the_lock(
    ctx: Context, process: Process
) -> None:
    condition = ctx.Condition(lease=LONG)
    waiter = process(condition)
    begin_wait(condition, [waiter], 0.5)
    with condition:
        condition.notify()
        assert waiter.blocked(0.8)
    gets_the_lock(waiter)
    assert nothing_is_left(condition)


def test_only_the_thread_that_holds_the_lock_may_wait_and_notify(ctx: Context, actors: Actors) -> None:
    condition = ctx.Condition(ctx.Lock())
    other = actors.thread(condition)
    for call in ("wait", "notify", "notify_all"):
        with condition, pytest.raises(AssertionError, match="not held by this thread"):
            other.call(call)
        with pytest.raises(AssertionError):
            getattr(condition, call)()


def test_wait_for_returns_what_the_predicate_returned_last(ctx: Context) -> None:
    condition = ctx.Condition(lease=LONG)
    values: list[object] = [None, 0, "ready"]
    with condition:
        assert condition.wait_for(lambda: "at once") == "at once"
        assert condition.wait_for(list, timeout=0) == []
        assert condition.wait_for(lambda: values.pop(0), timeout=0.05) == 0, "it is asked again after the timeout"


def test_name_with_another_lock_is_refused(ctx: Context) -> None:
    condition, other = ctx.Condition(name="one"), ctx.Condition(ctx.Lock(), name="one")
    with condition:
        assert condition.wait(0.0) is False
    for call in (lambda: other.wait(0.0), other.notify):
        with other, pytest.raises(MismatchError, match="rlock:one"):
            call()
        assert holders(other.lock) == []
    condition.delete()
    condition.lock.delete()


def test_lock_of_another_kind_or_server_is_refused(ctx: Context, folder: Any) -> None:
    for lock in (multiprocessing.Lock(), ctx.Semaphore()):
        with pytest.raises(UnsupportedError, match="needs a Lock or an RLock"):
            ctx.Condition(lock)
    with Context() as elsewhere, pytest.raises(InvalidArgumentError, match="same server"):
        ctx.Condition(elsewhere.Lock())


class Audited(Lock):
    """A user's lock, with an attribute."""


def test_pickled_condition_has_the_same_lock(ctx: Context) -> None:
    lock = Audited(context=ctx, lease=7.0)
    vars(lock)["owner"] = "me"
    condition = ctx.Condition(lock)
    same = pickle.loads(pickle.dumps(condition))
    assert (type(same.lock), same.lock.owner, same.lock.lease) == (Audited, "me", 7.0)
    with condition:
        assert same.acquire(False) is False
        assert same.wait(0.0) is False
    assert (same.name, same.lock.name) == (condition.name, lock.name)


def test_it_is_registered_and_its_keys_expire(ctx: Context, client: redis.Redis) -> None:
    condition = ctx.Condition(lease=LONG)
    with condition:
        condition.wait(0.0)
    assert client.zscore(INDEX, condition._key) is not None
    assert client.ttl(condition._key) > 6 * 86400


def test_its_keys_do_not_expire_while_somebody_waits(ctx: Context, client: redis.Redis, process: Process) -> None:
    condition = ctx.Condition(lease=0.3)
    waiter = process(condition)
    begin_wait(condition, [waiter])
    client.hset(condition._key, "touched", 1)  # as after some days
    client.expire(condition._key, 600)
    client.zrem(INDEX, condition._key)
    wait_until(lambda: client.ttl(condition._key) > 6 * 86400)
    assert client.zscore(INDEX, condition._key) is not None
    notify(condition)
    assert waiter.result() is True
