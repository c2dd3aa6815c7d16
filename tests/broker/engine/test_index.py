"""The index of primitives: what exists on the server is in it, and what was deleted or has expired is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from broker import Context
from broker.engine.handle import INDEX
from tests.support.waiting import wait_until

DAY = 86_400_000_000  # microseconds
USES: dict[str, Callable[[Any], object]] = {
    "Lock": lambda lock: lock.acquire(),
    "Semaphore": lambda semaphore: semaphore.acquire(),
    "BoundedSemaphore": lambda semaphore: semaphore.acquire(),
    "Event": lambda event: event.set(),
    "SimpleQueue": lambda items: items.put("x"),
    "Queue": lambda items: items.put("x"),
    "JoinableQueue": lambda items: items.put("x"),
    "Board": lambda board: board.snapshot(),
}


@pytest.fixture(autouse=True)
def _empty_server(client: redis.Redis) -> None:
    client.flushall()


def server_time(client: redis.Redis) -> int:
    seconds, micros = client.time()
    return int(seconds * 1_000_000 + micros)


@pytest.mark.parametrize("kind", USES)
def test_primitive_is_listed_until_it_is_deleted(ctx: Context, client: redis.Redis, kind: str) -> None:
    primitive = getattr(ctx, kind)()
    assert not client.exists(INDEX), "an unnamed primitive is created when it is first used"
    before = server_time(client)
    USES[kind](primitive)
    [(key, score)] = client.zrange(INDEX, 0, -1, withscores=True)
    assert key == primitive._key
    assert before <= score <= server_time(client)
    other = ctx.Lock()
    with other:
        assert set(client.zrange(INDEX, 0, -1)) == {primitive._key, other._key}
    primitive.delete()
    assert client.zrange(INDEX, 0, -1) == [other._key]
    other.delete()
    assert client.keys("*") == []


@pytest.mark.parametrize("kind", USES)
def test_primitive_in_use_is_registered_again_after_a_day(ctx: Context, client: redis.Redis, kind: str) -> None:
    primitive = getattr(ctx, kind)()
    USES[kind](primitive)
    if kind in ("Lock", "Semaphore", "BoundedSemaphore"):
        primitive.release()
    client.delete(INDEX)
    client.hset(primitive._key, "touched", server_time(client) - 2 * DAY)
    USES[kind](primitive)
    assert client.zrange(INDEX, 0, -1) == [primitive._key]


def test_primitive_in_use_is_not_registered_within_a_day(ctx: Context, client: redis.Redis) -> None:
    lock = ctx.Lock()
    for _ in range(2):
        with lock:
            pass
        client.delete(INDEX)
    assert not client.exists(INDEX)


def test_lock_that_is_only_held_is_registered_by_its_renewals(ctx: Context, client: redis.Redis) -> None:
    lock = ctx.Lock(lease=1.0)
    lock.acquire()
    client.delete(INDEX)
    client.hset(lock._key, "touched", server_time(client) - 2 * DAY)
    wait_until(lambda: client.zrange(INDEX, 0, -1) == [lock._key])


def test_event_that_is_only_read_stays(ctx: Context, client: redis.Redis) -> None:
    event = ctx.Event()
    event.set()
    client.delete(INDEX)
    assert event.is_set()
    assert not client.exists(INDEX)
    client.pexpire(event._key, 5 * DAY // 1000)
    assert event.is_set()
    assert client.zrange(INDEX, 0, -1) == [event._key]
    assert client.pttl(event._key) > 6 * DAY // 1000


def test_entries_of_states_that_have_expired_are_dropped(ctx: Context, client: redis.Redis) -> None:
    now = server_time(client)
    client.zadd(INDEX, {"broker:{lock:expired}": now - 9 * DAY, "broker:{lock:kept}": now - 6 * DAY})
    lock = ctx.Lock()
    with lock:
        assert client.zrange(INDEX, 0, -1) == [b"broker:{lock:kept}", lock._key]
        assert 7 * DAY < client.pttl(INDEX) * 1000 <= 8 * DAY, "it expires when none has been registered for so long"


def test_pipe_is_listed_as_long_as_it_is_open(ctx: Context, client: redis.Redis) -> None:
    with Context(ctx.url) as other:
        left, right = other.Pipe()
        left.send("x")
        assert right.recv() == "x"
        assert client.zrange(INDEX, 0, -1) == [right._inbox._key]
    assert client.zrange(INDEX, 0, -1) == []
