"""Processes are stopped, for as long as a machine may sleep, and go on as if nothing had been."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from broker import Context, LeaseLostError
from tests.support.actors import Actor
from tests.support.server_state import holders, start_waiting, waiting_tokens
from tests.support.waiting import wait_until

Process = Callable[[object], Actor]


def test_a_holder_stopped_past_its_lease_knows_at_once_that_it_lost(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=0.5)
    stopped = process(lock)
    stopped.call("acquire")
    fence = stopped.call("fence")
    assert stopped.call("held") is True
    stopped.signal(signal.SIGSTOP)
    assert lock.acquire() is True
    stopped.signal(signal.SIGCONT)
    assert stopped.call("held") is False
    assert lock.fence > fence
    with pytest.raises(LeaseLostError):
        stopped.call("release")
    assert lock.held
    assert len(holders(lock)) == 1, "what the other one holds was not released"
    lock.release()


def test_a_holder_stopped_within_its_lease_holds_on(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=30)
    stopped = process(lock)
    stopped.call("acquire")
    stopped.signal(signal.SIGSTOP)
    assert lock.acquire(timeout=0.1) is False
    stopped.signal(signal.SIGCONT)
    assert stopped.call("held") is True
    stopped.call("release")


def test_leaving_with_after_a_loss_is_an_error(ctx: Context) -> None:
    lock = ctx.Lock()
    with pytest.raises(LeaseLostError), lock:
        lock.delete()


def test_a_waiter_that_slept_through_its_grant_does_not_believe_it(ctx: Context, process: Process) -> None:
    lock = ctx.Lock()
    lock.acquire()
    sleeper, other = process(lock), process(lock)
    start_waiting(lock, [sleeper, other])
    sleeper.signal(signal.SIGSTOP)
    lock.release()
    assert other.result() is True, "the grant went on after the sleeper's probation"
    sleeper.signal(signal.SIGCONT)
    wait_until(lambda: waiting_tokens(lock))
    assert sleeper.blocked(0.2), "two would hold it"
    other.call("release")
    assert sleeper.result() is True
    assert sleeper.call("fence") > 0
    assert sleeper.call("held") is True


def test_a_stopped_waiter_takes_up_its_grant_in_time(ctx: Context, process: Process) -> None:
    lock = ctx.Lock()
    lock.acquire()
    waiter = process(lock)
    start_waiting(lock, [waiter])
    waiter.signal(signal.SIGSTOP)
    lock.release()
    waiter.signal(signal.SIGCONT)
    assert waiter.result() is True
    assert waiter.call("held") is True
