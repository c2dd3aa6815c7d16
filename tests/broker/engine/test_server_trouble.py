"""The server forgets its scripts, throws its clients out, is restarted, or loses its data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from broker import Context, LeaseLostError
from broker.locks.event import Event
from broker.locks.lock import Lock
from tests.support.actors import SLACK, Actor, Actors
from tests.support.server_state import count_event_waiters, count_waiters, run_command, start_waiting
from tests.support.servers import Server
from tests.support.waiting import wait_until


def test_forgotten_scripts_are_taught_again(ctx: Context, client: redis.Redis, actors: Actors) -> None:
    lock, event, semaphore = ctx.Lock(lease=1.5), ctx.Event(), ctx.Semaphore(0)
    waiter = actors.process(ctx, lock)
    lock.acquire()
    start_waiting(lock, [waiter])
    client.script_flush()
    assert lock.release() is None
    client.script_flush()
    assert waiter.result() is True
    client.script_flush()
    first = run_command(lock, b"HVALS", lock._keys[0])
    wait_until(lambda: run_command(lock, b"HVALS", lock._keys[0]) != first)
    assert waiter.call("held") is True, "and the lease was renewed"
    event.set()
    client.script_flush()
    assert event.is_set()
    client.script_flush()
    semaphore.release()
    assert semaphore.get_value() == 1


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
def test_a_waiter_that_is_thrown_out_comes_back(ctx: Context, client: redis.Redis, actors: Actors, kind: str) -> None:
    lock = ctx.Lock()
    waiter = actors.process(ctx, lock)
    lock.acquire()
    start_waiting(lock, [waiter])
    client.execute_command("CLIENT", "KILL", "TYPE", kind)
    lock.release()
    assert waiter.result() is True
    waiter.call("release")
    assert lock.acquire(timeout=SLACK)


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
def test_the_queue_survives_that_all_are_thrown_out(
    ctx: Context, client: redis.Redis, actors: Actors, kind: str
) -> None:
    lock = ctx.Lock()
    waiters = [actors.process(ctx, lock) for _ in range(4)]
    lock.acquire()
    start_waiting(lock, waiters)
    for _ in range(3):
        client.execute_command("CLIENT", "KILL", "TYPE", kind)
    lock.release()
    served = []
    while len(served) < len(waiters):
        wait_until(lambda: any(not waiter.blocked() for waiter in waiters if waiter not in served))
        [inside] = [waiter for waiter in waiters if waiter not in served and not waiter.blocked()]
        assert inside.result() is True
        served.append(inside)
        inside.call("release")


def test_an_event_reaches_a_waiter_that_was_thrown_out_before(
    ctx: Context, client: redis.Redis, actors: Actors
) -> None:
    event = ctx.Event()
    waiter = actors.process(ctx, event)
    waiter.begin("wait")
    wait_until(lambda: count_event_waiters(event) == 1)
    client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    wait_until(lambda: count_event_waiters(event) == 1)
    event.set()
    event.clear()
    assert waiter.result() is True


def test_a_set_and_clear_while_a_waiter_was_thrown_out_still_wake_it(
    ctx: Context, client: redis.Redis, actors: Actors
) -> None:
    event = ctx.Event()
    waiter = actors.process(ctx, event)
    waiter.begin("wait")
    wait_until(lambda: count_event_waiters(event) == 1)
    client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    event.set()
    event.clear()
    assert waiter.result() is True


@pytest.fixture
def durable(folder: Path) -> Iterator[Server]:
    """A server that has its data again after a restart."""
    with Server(folder, appendonly="yes", appendfsync="always") as started:
        yield started


@pytest.fixture
def forgetful(folder: Path) -> Iterator[Server]:
    """A server that begins anew after a restart."""
    with Server(folder, appendonly="no") as started:
        yield started


def held_and_waited_for(lock: Lock, event: Event, ctx: Context, actors: Actors) -> tuple[Actor, Actor]:
    """Take the lock; return one process that waits for it, and one that waits for the event."""
    waiter, listener = actors.process(ctx, lock), actors.process(ctx, event)
    lock.acquire()
    start_waiting(lock, [waiter])
    listener.begin("wait")
    wait_until(lambda: count_event_waiters(event) == 1)
    return waiter, listener


def test_a_restart_with_its_data_changes_nothing(durable: Server, actors: Actors) -> None:
    with Context(durable.url) as ctx:
        lock, event = ctx.Lock(), ctx.Event()
        waiter, listener = held_and_waited_for(lock, event, ctx, actors)
        fence = lock.fence
        durable.kill()
        durable.start()
        assert lock.acquire(False) is False
        wait_until(lambda: count_waiters(lock) == 1)
        assert lock.held
        assert waiter.blocked()
        lock.release()
        assert waiter.result() is True
        assert waiter.call("fence") > fence
        event.set()
        event.clear()
        assert listener.result() is True


def test_a_restart_without_its_data_is_a_loss_that_the_holder_learns(forgetful: Server, actors: Actors) -> None:
    with Context(forgetful.url) as ctx:
        lock, event = ctx.Lock(lease=2.0), ctx.Event()
        waiter, listener = held_and_waited_for(lock, event, ctx, actors)
        fence = lock.fence
        forgetful.kill()
        forgetful.start()
        assert waiter.result() is True, "nobody holds what the server does not know"
        assert waiter.call("fence") > fence
        wait_until(lambda: not lock.held, timeout=2.0 + SLACK)
        with pytest.raises(LeaseLostError):
            lock.release()
        assert waiter.call("held") is True
        event.set()
        event.clear()
        assert listener.result() is True


def test_fences_rise_although_all_data_are_lost(ctx: Context, client: redis.Redis) -> None:
    lock = ctx.Lock()
    fences = []
    for _ in range(5):
        lock.acquire()
        fences.append(lock.fence)
        client.flushall()
        with pytest.raises(LeaseLostError):
            lock.release()
    assert fences == sorted(set(fences))
