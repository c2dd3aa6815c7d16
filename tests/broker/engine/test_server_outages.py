"""Locks, semaphores and events when the server loses scripts, connections or data, or is restarted."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from broker import Context, LeaseLostError
from broker.locks.event import Event
from broker.locks.lock import Lock
from broker.server.private_server import PrivateServer
from tests.support.actors import SLACK, Actor, Actors
from tests.support.proxy import Proxy
from tests.support.server_state import count_event_waiters, count_waiters, holders, run_command, start_waiting
from tests.support.servers import Server
from tests.support.waiting import wait_until

LONG = 600.0  # seconds: no lease of this expires in a test


def test_scripts_are_loaded_again_after_script_flush(ctx: Context, client: redis.Redis, actors: Actors) -> None:
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
    assert waiter.call("held") is True, "the lease was renewed"
    event.set()
    client.script_flush()
    assert event.is_set()
    client.script_flush()
    semaphore.release()
    assert semaphore.get_value() == 1


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
def test_waiter_that_is_disconnected_is_still_served(
    ctx: Context, client: redis.Redis, actors: Actors, kind: str
) -> None:
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
def test_all_waiters_are_served_after_they_were_disconnected(
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
        [holder] = [waiter for waiter in waiters if waiter not in served and not waiter.blocked()]
        assert holder.result() is True
        served.append(holder)
        holder.call("release")


def test_event_wakes_a_waiter_that_has_reconnected(ctx: Context, client: redis.Redis, actors: Actors) -> None:
    event = ctx.Event()
    waiter = actors.process(ctx, event)
    waiter.begin("wait")
    wait_until(lambda: count_event_waiters(event) == 1)
    client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    wait_until(lambda: count_event_waiters(event) == 1)
    event.set()
    event.clear()
    assert waiter.result() is True


def test_set_and_clear_wake_a_waiter_while_it_reconnects(ctx: Context, client: redis.Redis, actors: Actors) -> None:
    event = ctx.Event()
    waiter = actors.process(ctx, event)
    waiter.begin("wait")
    wait_until(lambda: count_event_waiters(event) == 1)
    client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    event.set()
    event.clear()
    assert waiter.result() is True


def hold_and_wait(lock: Lock, event: Event, ctx: Context, actors: Actors) -> tuple[Actor, Actor]:
    """Acquire the lock; return a process that waits for it, and one that waits for the event."""
    waiter, listener = actors.process(ctx, lock), actors.process(ctx, event)
    lock.acquire()
    start_waiting(lock, [waiter])
    listener.begin("wait")
    wait_until(lambda: count_event_waiters(event) == 1)
    return waiter, listener


def test_restart_with_data_changes_nothing(durable_server: Server, actors: Actors) -> None:
    with Context(durable_server.url) as ctx:
        lock, event = ctx.Lock(), ctx.Event()
        waiter, listener = hold_and_wait(lock, event, ctx, actors)
        fence = lock.fence
        durable_server.kill()
        durable_server.start()
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


def test_holder_learns_of_the_loss_after_restart_without_data(volatile_server: Server, actors: Actors) -> None:
    with Context(volatile_server.url) as ctx:
        lock, event = ctx.Lock(lease=2.0), ctx.Event()
        waiter, listener = hold_and_wait(lock, event, ctx, actors)
        fence = lock.fence
        volatile_server.kill()
        volatile_server.start()
        assert waiter.result() is True, "a server without data knows no holder"
        assert waiter.call("fence") > fence
        wait_until(lambda: not lock.held, timeout=2.0 + SLACK)
        with pytest.raises(LeaseLostError):
            lock.release()
        assert waiter.call("held") is True
        event.set()
        event.clear()
        assert listener.result() is True


def test_release_that_is_sent_again_after_a_loss_of_data_is_no_success(volatile_server: Server, actors: Actors) -> None:
    with Context(volatile_server.url) as ctx:
        lock = ctx.Lock(lease=LONG)
        lock.acquire()
        other = actors.process(ctx, lock)
        volatile_server.kill()
        volatile_server.start()
        assert other.call("acquire") is True
        with pytest.raises(LeaseLostError):
            lock.release()
        assert other.call("held") is True
        assert len(holders(lock)) == 1


def test_fences_rise_across_data_loss(ctx: Context, client: redis.Redis) -> None:
    lock = ctx.Lock()
    fences = []
    for _ in range(5):
        lock.acquire()
        fences.append(lock.fence)
        client.flushall()
        with pytest.raises(LeaseLostError):
            lock.release()
    assert fences == sorted(set(fences))


def test_process_gets_no_lower_fence_than_before_although_data_and_clock_are_lost(
    ctx: Context, client: redis.Redis
) -> None:
    lock = ctx.Lock()
    lock.acquire()
    lock.release()
    future = 2**52  # a fence is the server's time: its clock was ahead
    client.hset(lock._key, "fence", future)
    fences = []
    for _ in range(3):
        lock.acquire()
        fences.append(lock.fence)
        lock.release()
        client.flushall()
    assert future < fences[0] < fences[1] < fences[2]
    lock.acquire()
    assert [holder.fence for holder in lock.holders()] == [lock.fence]
    assert lock.held


def test_request_follows_a_failover_to_another_server(server: PrivateServer, folder: Path) -> None:
    with Server(folder) as old, Proxy(old.url.removeprefix("unix://")) as proxy, Context(proxy.url) as ctx:
        lock = ctx.Lock()
        lock.acquire()
        lock.release()
        with redis.Redis.from_url(old.url) as client:
            client.replicaof("127.0.0.1", 1)  # its connections stay open; nobody listens at that port
        proxy.forward_to(server.url.removeprefix("unix://"))
        assert lock.acquire() is True
        lock.release()
