"""Conditions whose messages are lost, repeated or late, or whose server has lost its data."""

from __future__ import annotations

import pytest
import redis

from broker import BrokerError, Condition, Context, LeaseLostError, ServerUnavailableError
from broker.engine import requests
from broker.locks.condition import NOTIFY
from broker.locks.permits import ACQUIRE
from broker.locks.wait_request import CONFIRM_WAIT, STOP_WAITING, WAIT
from broker.transport.scripts import Script
from tests.support.actors import SLACK, Actors
from tests.support.conditions import LONG, Process, begin_wait, gets_the_lock, nothing_is_left, notify
from tests.support.proxy import Fault, Proxy
from tests.support.server_state import count_reachable_waiters, count_waiters, holders, run_command
from tests.support.waiting import wait_until


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
