"""Messages that no script of the broker has sent wake nobody and break nothing."""

from __future__ import annotations

from collections.abc import Callable

import redis

from broker import Context
from tests.support.actors import Actor
from tests.support.server_state import count_event_waiters, start_waiting, waiting_tokens
from tests.support.waiting import wait_until

Process = Callable[[object], Actor]


def test_waiter_for_a_lock(ctx: Context, client: redis.Redis, process: Process) -> None:
    lock = ctx.Lock()
    lock.acquire()
    waiter = process(lock)
    start_waiting(lock, [waiter])
    (token,) = waiting_tokens(lock)
    for message in (b"", b"garbage", token, token + b" 1", token + b" 1 x", token + b" 1 2 3", b"other 1 2"):
        assert client.publish(b"broker:" + token.partition(b":")[0], message) == 1
    assert waiter.blocked(0.1)
    lock.release()
    assert waiter.result() is True
    waiter.call("release")


def test_waiter_for_an_event(ctx: Context, client: redis.Redis, process: Process) -> None:
    event = ctx.Event()
    waiter = process(event)
    waiter.begin("wait")
    wait_until(lambda: count_event_waiters(event) == 1)
    for message in (b"", b"garbage", b"-1"):
        assert client.publish(event._key, message) == 1
    assert waiter.blocked(0.1)
    event.set()
    assert waiter.result() is True
