"""Processes are paused while they hold or wait, and continue later, as after a machine's sleep."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from broker import Context, LeaseLostError
from tests.support.actors import Actor
from tests.support.server_state import holders, start_waiting, waiting_tokens
from tests.support.waiting import wait_until

Process = Callable[[object], Actor]


def test_holder_paused_past_its_lease_learns_of_the_loss_at_once(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=0.5)
    paused = process(lock)
    paused.call("acquire")
    fence = paused.call("fence")
    assert paused.call("held") is True
    paused.signal(signal.SIGSTOP)
    assert lock.acquire() is True
    paused.signal(signal.SIGCONT)
    assert paused.call("held") is False
    assert lock.fence > fence
    with pytest.raises(LeaseLostError):
        paused.call("release")
    assert lock.held
    assert len(holders(lock)) == 1, "the new holder still holds it"
    lock.release()


def test_holder_paused_past_its_lease_has_lost_it_although_nobody_waits(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=0.5)
    paused = process(lock)
    paused.call("acquire")
    paused.signal(signal.SIGSTOP)
    wait_until(lambda: lock.holders() == [])
    paused.signal(signal.SIGCONT)
    assert paused.call("held") is False
    with pytest.raises(LeaseLostError):
        paused.call("release")
    assert paused.call("acquire", False) is True, "but it can acquire it again"
    assert paused.call("held") is True


def test_release_raises_if_the_lease_has_expired_unnoticed(ctx: Context) -> None:
    lock = ctx.Lock(lease=0.2)
    lock.acquire()
    lock._get_session().lease_renewer.stop()
    wait_until(lambda: lock.holders() == [])
    with pytest.raises(LeaseLostError):
        lock.release()


def test_holder_paused_within_its_lease_keeps_the_lock(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=30)
    paused = process(lock)
    paused.call("acquire")
    paused.signal(signal.SIGSTOP)
    assert lock.acquire(timeout=0.1) is False
    paused.signal(signal.SIGCONT)
    assert paused.call("held") is True
    paused.call("release")


def test_leaving_with_block_after_lost_lease_raises(ctx: Context) -> None:
    lock = ctx.Lock()
    with pytest.raises(LeaseLostError), lock:
        lock.delete()


def test_waiter_paused_past_its_grant_does_not_take_it(ctx: Context, process: Process) -> None:
    lock = ctx.Lock()
    lock.acquire()
    paused, other = process(lock), process(lock)
    start_waiting(lock, [paused, other])
    paused.signal(signal.SIGSTOP)
    lock.release()
    assert other.result() is True, "the grant moved on, since the paused waiter did not acknowledge it"
    paused.signal(signal.SIGCONT)
    wait_until(lambda: waiting_tokens(lock))
    assert paused.blocked(0.2), "else two would hold it"
    other.call("release")
    assert paused.result() is True
    assert paused.call("fence") > 0
    assert paused.call("held") is True


def test_waiter_paused_briefly_takes_its_grant(ctx: Context, process: Process) -> None:
    lock = ctx.Lock()
    lock.acquire()
    waiter = process(lock)
    start_waiting(lock, [waiter])
    waiter.signal(signal.SIGSTOP)
    lock.release()
    waiter.signal(signal.SIGCONT)
    assert waiter.result() is True
    assert waiter.call("held") is True
