"""Waiters of a condition that are killed, paused or interrupted: no notification is lost with one."""

from __future__ import annotations

import signal

import pytest

from broker import Context, LeaseLostError, NotOwnedError
from broker.locks.wait_request import CANCEL_WAIT
from tests.support.actors import SLACK
from tests.support.conditions import LONG, Process, begin_wait, gets_the_lock, nothing_is_left, notified, notify
from tests.support.server_state import count_reachable_waiters, count_waiters, holders, run_command
from tests.support.waiting import wait_until


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
