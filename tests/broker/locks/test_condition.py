"""Conditions: notified waiters queue for the lock, and no notification is lost with a waiter."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
from collections.abc import Callable
from typing import Any

import pytest
import redis

from broker import (
    BrokerError,
    Condition,
    Context,
    InvalidArgumentError,
    LeaseLostError,
    Lock,
    MismatchError,
    NotOwnedError,
    ServerUnavailableError,
    UnsupportedError,
)
from broker.engine import requests
from broker.engine.handle import INDEX
from broker.locks.condition import NOTIFY
from broker.locks.permits import ACQUIRE
from broker.locks.wait_request import CANCEL_WAIT, CONFIRM_WAIT, STOP_WAITING, WAIT
from broker.transport.scripts import Script
from tests.support.actors import SLACK, Actor, Actors
from tests.support.proxy import Fault, Proxy
from tests.support.server_state import count_reachable_waiters, count_waiters, holders, run_command, start_waiting
from tests.support.waiting import wait_until

LONG = 60.0  # seconds: a lease that does not end within a bound
Process = Callable[[object], Actor]


def begin_wait(condition: Condition, waiters: list[Actor], *arguments: object) -> None:
    """Let the actors wait to be notified, one after the other; return when all do, in this order."""
    for waiter in waiters:
        place = count_waiters(condition)
        waiter.call("acquire")
        waiter.begin("wait", *arguments)
        wait_until(lambda: count_waiters(condition) == place + 1)  # noqa: B023 - called in this round only


def notify(condition: Condition, n: int = 1) -> None:
    with condition:
        condition.notify(n)


def notified(condition: Condition) -> list[bytes]:
    return list(run_command(condition, b"ZRANGE", condition._keys[2], b"0", b"-1"))


def nothing_is_left(condition: Condition) -> bool:
    lock = condition.lock
    return not (count_waiters(condition) or notified(condition) or count_waiters(lock) or holders(lock))


def gets_the_lock(waiter: Actor, timeout: float = SLACK) -> None:
    assert waiter.result(timeout) is True
    waiter.call("release")


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


def test_killed_waiter_is_not_notified(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=LONG)
    first, second = process(condition), process(condition)
    begin_wait(condition, [first, second])
    first.kill()
    wait_until(lambda: count_reachable_waiters(condition) == 1)
    notify(condition)
    gets_the_lock(second)


def test_notification_of_a_waiter_killed_before_it_has_the_lock_is_passed_on(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=1.0)
    waiters = [process(condition) for _ in range(3)]
    begin_wait(condition, waiters)
    with condition:
        condition.notify()
        waiters[0].kill()
    gets_the_lock(waiters[1], timeout=1.0 + SLACK)
    assert waiters[2].blocked(1.5), "one notification wakes one"
    notify(condition)
    gets_the_lock(waiters[2])
    assert nothing_is_left(condition)


def test_next_call_passes_a_notification_on(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=LONG)
    first, second, third = (process(condition) for _ in range(3))
    begin_wait(condition, [first, second])
    with condition:
        condition.notify()
        first.kill()
        wait_until(lambda: count_reachable_waiters(condition.lock) == 0)
    third.call("acquire")
    third.begin("wait", 0.0)
    gets_the_lock(second)
    assert third.result() is False
    third.call("release")
    assert nothing_is_left(condition)


def test_paused_waiter_waits_again_when_its_notification_was_passed_on(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=1.0)
    paused, other = process(condition), process(condition)
    begin_wait(condition, [paused, other])
    paused.signal(signal.SIGSTOP)
    notify(condition)
    gets_the_lock(other, timeout=3.0 + SLACK)
    paused.signal(signal.SIGCONT)
    wait_until(lambda: count_waiters(condition) == 1)
    assert paused.blocked(0.1)
    notify(condition)
    gets_the_lock(paused)
    assert nothing_is_left(condition)


def test_paused_waiter_whose_time_is_up_returns_false_when_its_notification_was_passed_on(
    ctx: Context, process: Process
) -> None:
    condition = ctx.Condition(lease=1.0)
    paused, other = process(condition), process(condition)
    begin_wait(condition, [paused], 0.5)
    begin_wait(condition, [other])
    with condition:
        condition.notify()
        assert paused.blocked(0.8)  # it has been told that it was notified in time
        paused.signal(signal.SIGSTOP)
    gets_the_lock(other, timeout=3.0 + SLACK)
    paused.signal(signal.SIGCONT)
    assert paused.result() is False, "one notification wakes one"
    paused.call("release")
    assert nothing_is_left(condition)


def test_paused_waiter_keeps_a_notification_that_nobody_else_can_get(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=1.0)
    paused = process(condition)
    begin_wait(condition, [paused])
    paused.signal(signal.SIGSTOP)
    notify(condition)
    with condition:
        assert condition.wait(0.0) is False, "it began to wait after the notification"
    paused.signal(signal.SIGCONT)
    gets_the_lock(paused)
    assert nothing_is_left(condition)


def test_waiter_gets_the_lock_if_the_one_that_notified_it_is_killed(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=LONG)
    short = ctx.Condition(ctx.RLock(name=condition.lock.name, lease=1.0), name=condition.name)
    waiter, notifier = process(condition), process(short)
    begin_wait(condition, [waiter])
    notifier.call("acquire")
    notifier.call("notify")
    notifier.kill()
    gets_the_lock(waiter, timeout=1.5 + SLACK)


def test_ctrl_c_comes_back_with_the_lock(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=LONG)
    waiter = process(condition)
    waiter.call("acquire")
    begin_wait(condition, [waiter])
    waiter.signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        waiter.result()
    assert (count_waiters(condition), len(holders(condition.lock))) == (0, 1)
    assert waiter.call("release") is None
    assert condition.acquire(False) is False, "it had been acquired twice"
    waiter.call("release")
    assert nothing_is_left(condition)


def test_ctrl_c_of_a_notified_waiter_passes_the_notification_on(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=LONG)
    first, second = process(condition), process(condition)
    begin_wait(condition, [first, second])
    with condition:
        condition.notify()
        first.signal(signal.SIGINT)
        wait_until(lambda: [each.pid for each in condition.lock.waiters()] == [second.pid, first.pid])
    gets_the_lock(second)
    with pytest.raises(KeyboardInterrupt):
        first.result()
    first.call("release")
    assert nothing_is_left(condition)


@pytest.mark.parametrize("may_be_notified", [True, False])
def test_interrupted_wait_passes_a_notification_on_that_was_confirmed(
    ctx: Context, process: Process, may_be_notified: bool
) -> None:
    """As long as `wait` has not returned, it has not used it; but a wait that has timed out had none."""
    condition = ctx.Condition(lease=LONG)
    first, second = process(condition), process(condition)
    begin_wait(condition, [first, second])
    notify(condition)
    assert first.result() is True
    wait_until(lambda: not notified(condition))
    [token] = holders(condition.lock)
    condition._run(condition._bind_script(CANCEL_WAIT), token, b"", b"%d" % may_be_notified)
    if may_be_notified:
        gets_the_lock(second)
    assert holders(condition.lock) == []
    assert count_waiters(condition) == (not may_be_notified)


@pytest.mark.parametrize("call", ["wait", "notify"])
def test_lost_lease_fails_the_call_and_every_release(ctx: Context, call: str) -> None:
    condition = ctx.Condition(lease=LONG)
    for _ in range(2):
        condition.acquire()
    run_command(condition.lock, b"HDEL", condition.lock._keys[0], *holders(condition.lock))  # as if it had ended
    for _ in range(2):
        with pytest.raises(LeaseLostError):
            getattr(condition, call)()
    assert not condition.lock.held
    for _ in range(2):
        with pytest.raises(LeaseLostError):
            condition.release()
    with pytest.raises(NotOwnedError):
        getattr(condition, call)()
    assert nothing_is_left(condition)


def test_only_the_thread_that_holds_the_lock_may_wait_and_notify(ctx: Context, actors: Actors) -> None:
    condition = ctx.Condition(ctx.Lock())
    other = actors.thread(condition)
    for call in ("wait", "notify", "notify_all"):
        with condition, pytest.raises(AssertionError, match="not held by this thread"):
            other.call(call)
        with pytest.raises(AssertionError):
            getattr(condition, call)()


@pytest.fixture
def both(proxied: Context, ctx: Context) -> tuple[Condition, Condition]:
    """A condition behind the proxy, and a direct handle for it."""
    condition = proxied.Condition(lease=LONG)
    direct = Condition(ctx.RLock(name=condition.lock.name, lease=LONG), name=condition.name, context=ctx)
    return condition, direct


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("script", [WAIT, STOP_WAITING, CONFIRM_WAIT])
def test_lost_messages_of_a_wait(
    both: tuple[Condition, Condition], proxy: Proxy, actors: Actors, script: Script, fault: Fault
) -> None:
    condition, direct = both
    waiter = actors.thread(condition)
    proxy.inject(script, fault)
    waiter.call("acquire")
    if script is STOP_WAITING:
        assert waiter.call("wait", 0.05) is False
    else:
        waiter.begin("wait")
        wait_until(lambda: count_waiters(direct) == 1 and (proxy.all_injected or script is CONFIRM_WAIT))
        notify(direct)
        assert waiter.result() is True
    wait_until(lambda: proxy.all_injected)
    assert direct.acquire(False) is False
    waiter.call("release")
    assert direct.acquire(timeout=SLACK) is True
    direct.release()
    assert nothing_is_left(direct) or script is CONFIRM_WAIT
    direct.delete()
    direct.lock.delete()


@pytest.mark.parametrize("fault", Fault)
def test_lost_messages_of_notify(
    both: tuple[Condition, Condition], proxy: Proxy, process: Process, fault: Fault
) -> None:
    condition, direct = both
    waiters = [process(direct) for _ in range(3)]
    begin_wait(direct, waiters)
    with condition:
        for notifications in (1, 2):
            proxy.inject(NOTIFY, fault)
            condition.notify()
            assert proxy.all_injected
            assert count_waiters(direct) == 3 - notifications, "one call notifies one"
    for waiter in waiters[:2]:
        gets_the_lock(waiter)
    assert waiters[2].blocked()
    direct.delete()
    direct.lock.delete()


@pytest.mark.parametrize("fault", Fault)
def test_late_copy_of_a_wait_is_refused(
    both: tuple[Condition, Condition], proxy: Proxy, ctx: Context, fault: Fault
) -> None:
    condition, direct = both
    proxy.inject(WAIT, fault)
    with condition:
        [held] = holders(direct.lock)
        assert condition.wait(0.0) is False
        [token] = holders(direct.lock)
    for since in (b"0", b"1"):
        with pytest.raises(BrokerError, match="WITHDRAWN"):
            direct._run(direct._bind_script(WAIT), token, b"1", b"1", held, b"0", since)
    assert nothing_is_left(direct)
    direct.delete()
    direct.lock.delete()


@pytest.mark.parametrize("fault", Fault)
def test_late_copy_of_the_acquire_before_a_wait_is_refused(
    both: tuple[Condition, Condition], proxy: Proxy, fault: Fault
) -> None:
    condition, direct = both
    proxy.inject(ACQUIRE, fault)
    condition.acquire()
    [held] = holders(direct.lock)
    assert condition.wait(0.0) is False
    condition.release()
    with pytest.raises(BrokerError, match="WITHDRAWN"):
        direct.lock._run(direct.lock._acquire_script, held, b"0")
    direct.delete()
    direct.lock.delete()


def test_wait_that_is_repeated_after_it_was_skipped_is_no_lost_lease(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=LONG)
    script, other = condition._bind_script(WAIT), process(condition)
    condition.acquire()
    [held] = holders(condition.lock)
    request = (b"host/1/gone/0:1/1", b"1", b"1", held, b"0", b"0")
    assert len(condition._run(script, *request)[0]) == 4
    begin_wait(condition, [other])
    notifier = process(condition)
    for call in ("acquire", "notify", "release"):
        notifier.call(call)
    gets_the_lock(other)
    assert count_waiters(condition) == 0, "it cannot be reached"
    assert len(condition._run(script, *request)[0]) == 4
    assert count_waiters(condition) == 1


def test_late_copy_of_a_notify_has_no_effect(ctx: Context, process: Process) -> None:
    condition = ctx.Condition(lease=LONG)
    waiters = [process(condition) for _ in range(3)]
    begin_wait(condition, waiters)
    with condition:
        [held] = holders(condition.lock)
        for _ in range(2):
            condition.notify()
        last = run_command(condition, b"HGET", condition._keys[0], b"last").split()[1]
        for number in (int(last) - 1, int(last)):
            condition._run(condition._bind_script(NOTIFY), held, b"%d" % number, b"1")
        assert count_waiters(condition) == 1
    condition._run(condition._bind_script(NOTIFY), held, b"%d" % (int(last) + 1), b"1")
    assert count_waiters(condition) == 1, "its caller does not hold the lock any more"


def test_only_waiter_is_notified_although_its_connection_is_broken(
    both: tuple[Condition, Condition], proxy: Proxy, actors: Actors
) -> None:
    condition, direct = both
    waiter = actors.thread(condition)
    begin_wait(direct, [waiter])
    with direct:
        proxy.cut_messages()
        wait_until(lambda: count_reachable_waiters(direct) == 0)
        direct.notify()
    proxy.stop_injecting()
    gets_the_lock(waiter)
    direct.delete()
    direct.lock.delete()


def test_waiters_that_have_to_connect_again_are_notified_in_turn(
    both: tuple[Condition, Condition], proxy: Proxy, actors: Actors
) -> None:
    """As after a restart of the server: nobody is passed over, since nobody can be reached."""
    condition, direct = both
    waiters = [actors.thread(condition) for _ in range(2)]
    begin_wait(direct, waiters)
    with direct:
        proxy.cut_messages()
        wait_until(lambda: count_reachable_waiters(direct) == 0)
        direct.notify()
        direct.notify()
    proxy.stop_injecting()
    while waiters:  # in the order in which they connect
        wait_until(lambda: not all(waiter.blocked(0.01) for waiter in waiters))
        first = next(waiter for waiter in waiters if not waiter.blocked(0.01))
        waiters.remove(first)
        gets_the_lock(first)
    direct.delete()
    direct.lock.delete()


def test_waiter_that_was_skipped_returns_to_its_place(
    both: tuple[Condition, Condition], proxy: Proxy, actors: Actors, process: Process
) -> None:
    condition, direct = both
    first, second, third = actors.thread(condition), process(direct), process(direct)
    begin_wait(direct, [first, second, third])
    proxy.cut_messages()
    wait_until(lambda: count_reachable_waiters(direct) == 2)
    notify(direct)
    gets_the_lock(second)
    proxy.stop_injecting()
    wait_until(lambda: count_reachable_waiters(direct) == 2)
    notify(direct)
    gets_the_lock(first)
    assert third.blocked()
    direct.delete()
    direct.lock.delete()


def test_wait_counts_as_notified_when_the_data_were_lost(ctx: Context, client: redis.Redis, process: Process) -> None:
    condition = ctx.Condition(lease=0.5)
    waiter = process(condition)
    begin_wait(condition, [waiter])
    client.flushall()
    gets_the_lock(waiter, timeout=2 * 0.5 + SLACK)


def test_lock_is_lost_if_the_server_does_not_answer(
    both: tuple[Condition, Condition], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    condition, direct = both
    monkeypatch.setattr(requests, "RETRY_TIMEOUT", 1.0)
    for _ in range(2):
        condition.acquire()
    proxy.inject_always(WAIT, Fault.LOSE_REPLY)
    with pytest.raises(ServerUnavailableError):
        condition.wait()
    proxy.stop_injecting()
    for _ in range(2):
        with pytest.raises(LeaseLostError):
            condition.release()
    wait_until(lambda: nothing_is_left(direct))


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
