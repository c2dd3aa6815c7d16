"""Processes are killed; what they held comes back, and nobody waits behind the dead."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from broker import Context
from tests.support.actors import Actor, Actors
from tests.support.server_state import holders, start_waiting
from tests.support.waiting import wait_until

SLACK = 3.0  # seconds that a busy machine may add to what is promised
Process = Callable[[object], Actor]


def test_a_killed_holder_delays_a_waiter_until_its_lease_ends(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=1.0)
    holder, waiter = process(lock), process(lock)
    holder.call("acquire")
    start_waiting(lock, [waiter])
    holder.kill()
    assert waiter.result(timeout=1.5 + SLACK) is True
    assert waiter.call("fence") > 0


def test_a_killed_holder_gives_its_permit_back(ctx: Context, process: Process) -> None:
    semaphore = ctx.Semaphore(2, lease=0.5)
    holder = process(semaphore)
    holder.call("acquire")
    holder.kill()
    wait_until(lambda: semaphore.get_value() == 2, timeout=0.5 + SLACK)


def test_a_killed_waiter_gets_nothing_and_delays_nobody(ctx: Context, process: Process) -> None:
    lock = ctx.Lock()
    lock.acquire()
    first, second = process(lock), process(lock)
    start_waiting(lock, [first, second])
    first.kill()
    lock.release()
    assert second.result(timeout=1 + SLACK) is True


def test_a_waiter_killed_while_it_is_granted_passes_the_grant_on(ctx: Context, process: Process) -> None:
    lock = ctx.Lock()
    lock.acquire()
    first, second = process(lock), process(lock)
    start_waiting(lock, [first, second])
    first.signal(signal.SIGSTOP)
    lock.release()
    assert len(holders(lock)) == 1, "granted to the first, who cannot know"
    assert second.blocked()
    first.kill()
    assert second.result(timeout=1 + SLACK) is True


def test_a_killed_waiter_costs_a_semaphore_no_permit(ctx: Context, process: Process) -> None:
    semaphore = ctx.Semaphore(0)
    first, second = process(semaphore), process(semaphore)
    start_waiting(semaphore, [first, second])
    first.signal(signal.SIGSTOP)
    semaphore.release()
    first.kill()
    assert second.result(timeout=1 + SLACK) is True
    second.call("release")
    assert semaphore.get_value() == 1


def test_several_dead_waiters_are_skipped(ctx: Context, process: Process) -> None:
    lock = ctx.Lock()
    lock.acquire()
    waiters = [process(lock) for _ in range(5)]
    start_waiting(lock, waiters)
    for waiter in waiters[:-1]:
        waiter.kill()
    lock.release()
    assert waiters[-1].result(timeout=1 + SLACK) is True


def test_a_dead_head_does_not_watch_over_a_dead_holder(ctx: Context, process: Process) -> None:
    """The second in the queue looks half a second after the first should have looked."""
    lock = ctx.Lock(lease=1.0)
    holder, first, second = process(lock), process(lock), process(lock)
    holder.call("acquire")
    start_waiting(lock, [first, second])
    first.signal(signal.SIGSTOP)
    holder.kill()
    started = time.monotonic()
    assert second.result(timeout=1.0 + 0.5 + 1.0 + SLACK) is True
    assert time.monotonic() - started > 0.5, "not before the lease had ended"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_of_every_start_method_are_found_dead(ctx: Context, actors: Actors, method: str) -> None:
    lock = ctx.Lock(lease=0.5)
    holder = actors.process(Context(ctx.url, method=method), lock)
    holder.call("acquire")
    assert lock.acquire(False) is False
    holder.kill()
    assert lock.acquire(timeout=1 + SLACK) is True
