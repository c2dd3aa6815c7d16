"""`holders()` and `waiters()`: who holds, who waits in which place, since when, and for how long still."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from broker import Context, Holder, Waiter
from broker.engine.holders import parse_holders, parse_waiters
from tests.support.actors import TIMEOUT, Actor, Actors
from tests.support.server_state import holders, run_command, start_waiting
from tests.support.waiting import wait_until

Process = Callable[[object], Actor]
SEMAPHORES = pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
NOW = 1_800_000_000_000_000
TOKEN = b"host/77/a%2Fb/0123456789ab:5/78"


def server_time(client: redis.Redis) -> float:
    seconds, micros = client.time()
    return float(seconds + micros / 1e6)


def state_of(client: redis.Redis, *handles: Any) -> list[object]:
    return [client.dump(key) for handle in handles for key in handle._keys]


def test_a_token_is_read_as_it_was_written() -> None:
    [holder] = parse_holders(NOW, [TOKEN, b"%d %d 10000000" % (NOW - 1_500_000, NOW + 2_500_000)])
    assert holder == Holder("host", 77, "a/b", 78, NOW - 1_500_000, (NOW - 1_500_000) * 1e-6, 2.5)
    [waiter] = parse_waiters("get", [TOKEN, b"%d" % NOW])
    assert waiter == Waiter("host", 77, "a/b", 78, "get", 1, NOW * 1e-6)


def test_nobody_holds_or_waits(ctx: Context, client: redis.Redis) -> None:
    lock, items, tasks = ctx.Lock(), ctx.Queue(1), ctx.JoinableQueue()
    assert (lock.holders(), lock.waiters(), items.waiters(), tasks.holders(), tasks.waiters()) == ([], [], [], [], [])
    assert client.exists(*lock._keys, *items._keys, *tasks._keys) == 0, "reading creates nothing"


def test_holder_of_a_lock(ctx: Context, client: redis.Redis) -> None:
    lock = ctx.Lock(lease=60.0)
    before = server_time(client)
    with lock:
        after = server_time(client)
        state = state_of(client, lock)
        [holder] = lock.holders()
        assert state_of(client, lock) == state
        assert (holder.host, holder.pid, holder.process) == (socket.gethostname(), os.getpid(), "MainProcess")
        assert (holder.thread, holder.fence) == (threading.get_native_id(), lock.fence)
        assert before - 1e-3 <= holder.since <= after + 1e-3
        assert 0 < holder.lease_left <= 60.0
    assert lock.holders() == []


def test_waiters_in_their_places(ctx: Context, client: redis.Redis, process: Process, actors: Actors) -> None:
    lock = ctx.Lock(lease=60.0)
    first, thread = process(lock), actors.thread(lock)
    before = server_time(client)
    with lock:
        start_waiting(lock, [first, thread])
        after = server_time(client)
        state = state_of(client, lock)
        waiters = lock.waiters()
        assert state_of(client, lock) == state
        assert [(waiter.place, waiter.pid, waiter.call) for waiter in waiters] == [
            (1, first.pid, "acquire"),
            (2, os.getpid(), "acquire"),
        ]
        assert waiters[0].process != waiters[1].process == "MainProcess"
        assert waiters[1].thread != threading.get_native_id()
        assert before - 1e-3 <= waiters[0].since < waiters[1].since <= after + 1e-3
    assert first.result() is True
    [holder] = lock.holders()
    assert (holder.pid, holder.since > waiters[1].since) == (first.pid, True)
    assert [(waiter.place, waiter.pid) for waiter in lock.waiters()] == [(1, os.getpid())]
    first.call("release")
    assert thread.result() is True
    thread.call("release")
    assert (lock.holders(), lock.waiters()) == ([], [])


def test_killed_holder_is_listed_until_its_lease_expires(ctx: Context, client: redis.Redis, process: Process) -> None:
    lock = ctx.Lock(lease=1.0)
    holder = process(lock)
    holder.call("acquire")
    [listed] = lock.holders()
    assert (listed.pid, listed.lease_left <= 1.0) == (holder.pid, True)
    holder.kill()
    wait_until(lambda: lock.holders() == [])
    assert len(holders(lock)) == 1, "no script has removed it yet"
    assert server_time(client) >= listed.since + 1.0


def test_waiter_that_rejoins_waits_since_then(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=60.0)
    paused = process(lock)
    lock.acquire()
    start_waiting(lock, [paused])
    [before] = lock.waiters()
    paused.signal(signal.SIGSTOP)
    lock.release()
    assert lock.acquire(), "the grant that was not acknowledged has ended"
    paused.signal(signal.SIGCONT)
    wait_until(lambda: len(lock.waiters()) == 1)
    [again] = lock.waiters()
    assert (again.pid, again.place) == (paused.pid, 1)
    assert again.since > before.since
    lock.release()
    assert paused.result() is True


def test_tickets_of_an_earlier_version_stay_in_order(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=60.0)
    first, second = process(lock), process(lock)
    with lock:
        start_waiting(lock, [first])
        token = run_command(lock, b"ZRANGE", lock._keys[1], b"0", b"-1")[0]
        run_command(lock, b"ZADD", lock._keys[1], b"3", token)
        run_command(lock, b"HSET", lock._key, b"ticket", b"3")
        second.begin("acquire")
        wait_until(lambda: len(lock.waiters()) == 2)
        assert [waiter.pid for waiter in lock.waiters()] == [first.pid, second.pid]
    for actor in (first, second):
        assert actor.result() is True
        actor.call("release")


@SEMAPHORES
def test_holders_and_waiters_of_a_semaphore(ctx: Context, process: Process, kind: str) -> None:
    semaphore = getattr(ctx, kind)(2, lease=60.0)
    other, waiter = process(semaphore), process(semaphore)
    semaphore.acquire()
    other.call("acquire")
    start_waiting(semaphore, [waiter])
    assert [holder.pid for holder in semaphore.holders()] == [os.getpid(), other.pid]
    assert [(each.pid, each.place) for each in semaphore.waiters()] == [(waiter.pid, 1)]
    semaphore.release()
    assert waiter.result() is True
    assert [holder.pid for holder in semaphore.holders()] == [other.pid, waiter.pid]


@pytest.mark.parametrize("kind", ["SimpleQueue", "Queue", "JoinableQueue"])
def test_getters_that_wait(ctx: Context, process: Process, kind: str) -> None:
    items = getattr(ctx, kind)()
    first, second = process(items), process(items)
    start_waiting(items, [first, second], "get")
    assert [(waiter.pid, waiter.place, waiter.call) for waiter in items.waiters()] == [
        (first.pid, 1, "get"),
        (second.pid, 2, "get"),
    ]
    items.put("x")
    assert first.result() == "x"
    assert [(waiter.pid, waiter.place) for waiter in items.waiters()] == [(second.pid, 1)]


def test_putters_that_wait(ctx: Context, process: Process) -> None:
    items = ctx.Queue(1)
    putter = process(items)
    items.put("x")
    start_waiting(items, [putter], "put", "y")
    [waiter] = items.waiters()
    assert (waiter.pid, waiter.place, waiter.call) == (putter.pid, 1, "put")
    assert (items.get(), items.get(timeout=TIMEOUT)) == ("x", "y")
    putter.result()
    assert items.waiters() == []


def test_holders_of_items_that_are_not_done(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(lease=60.0)
    getter = process(tasks)
    for task in ("x", "y"):
        tasks.put(task)
    assert (tasks.get(), getter.call("get")) == ("x", "y")
    assert [(holder.pid, holder.lease_left <= 60.0) for holder in tasks.holders()] == [
        (os.getpid(), True),
        (getter.pid, True),
    ]
    tasks.task_done()
    assert [holder.pid for holder in tasks.holders()] == [getter.pid]
