"""Processes are killed while they hold or wait: leases expire, and dead waiters are skipped."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from broker import Context
from tests.support.actors import SLACK, Actor, Actors
from tests.support.server_state import count_reachable_waiters, holders, run_command, start_waiting
from tests.support.waiting import wait_until

LONG = 60.0  # seconds: a lease that does not end within a bound
Process = Callable[[object], Actor]


def test_waiter_gets_lock_of_killed_holder_when_its_lease_ends(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=1.0)
    holder, waiter = process(lock), process(lock)
    holder.call("acquire")
    start_waiting(lock, [waiter])
    holder.kill()
    assert waiter.result(timeout=1.5 + SLACK) is True
    assert waiter.call("fence") > 0


def test_permit_of_killed_holder_is_free_when_its_lease_ends(ctx: Context, process: Process) -> None:
    semaphore = ctx.Semaphore(2, lease=0.5)
    holder = process(semaphore)
    holder.call("acquire")
    holder.kill()
    wait_until(lambda: semaphore.get_value() == 2, timeout=0.5 + SLACK)


def test_killed_waiter_is_skipped(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=LONG)
    lock.acquire()
    first, second = process(lock), process(lock)
    start_waiting(lock, [first, second])
    first.kill()
    lock.release()
    assert second.result(timeout=1 + SLACK) is True


def test_grant_to_waiter_killed_before_it_acknowledges_goes_to_the_next(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=LONG)
    lock.acquire()
    first, second = process(lock), process(lock)
    start_waiting(lock, [first, second])
    first.signal(signal.SIGSTOP)
    lock.release()
    assert len(holders(lock)) == 1, "granted to the first, which is paused"
    assert second.blocked()
    first.kill()
    assert second.result(timeout=1 + SLACK) is True


def test_killed_waiter_does_not_use_up_a_permit(ctx: Context, process: Process) -> None:
    semaphore = ctx.Semaphore(0, lease=LONG)
    first, second = process(semaphore), process(semaphore)
    start_waiting(semaphore, [first, second])
    first.signal(signal.SIGSTOP)
    semaphore.release()
    first.kill()
    assert second.result(timeout=1 + SLACK) is True
    second.call("release")
    assert semaphore.get_value() == 1


def test_several_killed_waiters_are_skipped(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=LONG)
    lock.acquire()
    waiters = [process(lock) for _ in range(5)]
    start_waiting(lock, waiters)
    for waiter in waiters[:-1]:
        waiter.kill()
    wait_until(lambda: count_reachable_waiters(lock) == 1)
    lock.release()
    assert waiters[-1].result(timeout=1 + SLACK) is True


def test_second_waiter_checks_on_a_killed_holder_if_the_first_is_paused(ctx: Context, process: Process) -> None:
    """It checks half a second after the first waiter should have checked."""
    lock = ctx.Lock(lease=1.0)
    holder, first, second = process(lock), process(lock), process(lock)
    holder.call("acquire")
    start_waiting(lock, [first, second])
    first.signal(signal.SIGSTOP)
    fence = holder.call("fence")
    holder.kill()
    assert second.result(timeout=1.0 + 0.5 + 1.0 + SLACK) is True
    assert second.call("fence") >= fence + 1_000_000, "not before the lease has expired: fences are microseconds"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_lock_of_killed_process_is_free_again(ctx: Context, actors: Actors, method: str) -> None:
    lock = ctx.Lock(lease=0.5)
    holder = actors.process(Context(ctx.url, method=method), lock)
    holder.call("acquire")
    assert lock.acquire(False) is False
    holder.kill()
    assert lock.acquire(timeout=1 + SLACK) is True


def test_head_that_cannot_be_reached_keeps_its_place_when_others_ask_again(ctx: Context) -> None:
    """After a restart of the server with its data, all waiters connect again, and the head may be the last."""
    lock, waiters = ctx.Lock(lease=60), [b"host/1/name/0:%d/1" % number for number in (1, 2, 3)]
    with lock:
        for token in (*waiters, *waiters[:0:-1]):
            lock._run(lock._acquire_script, token, b"1")
        assert run_command(lock, b"ZRANGE", lock._keys[1], b"0", b"-1") == waiters
    lock.delete()
