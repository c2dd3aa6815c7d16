"""What only the twin's event promises: whoever waited when it was set goes on."""

from __future__ import annotations

import redis

from broker import Context
from tests.support.actors import Actors
from tests.support.server_state import count_event_waiters, run_command
from tests.support.waiting import wait_until

CROWD = 200


def test_one_set_wakes_a_crowd_although_clear_follows(ctx: Context, actors: Actors) -> None:
    event = ctx.Event()
    waiters = [actors.thread(event) for _ in range(CROWD)]
    for waiter in waiters:
        waiter.begin("wait")
    wait_until(lambda: count_event_waiters(event) == CROWD)
    event.set()
    event.clear()
    assert all(waiter.result() is True for waiter in waiters)
    assert event.wait(0) is False


def test_who_comes_after_the_clear_waits(ctx: Context, actors: Actors) -> None:
    event = ctx.Event()
    waiter = actors.thread(event)
    for _ in range(3):
        assert waiter.call("wait", 0.02) is False
        waiter.begin("wait")
        wait_until(lambda: count_event_waiters(event) == 1)
        event.set()
        event.clear()
        assert waiter.result() is True


def test_a_waiter_gives_its_subscription_back(ctx: Context, client: redis.Redis) -> None:
    event = ctx.Event()
    assert event.wait(0.02) is False
    wait_until(lambda: count_event_waiters(event) == 0)


def test_lost_data_do_not_keep_a_waiter_from_the_next_set(ctx: Context, client: redis.Redis, actors: Actors) -> None:
    event = ctx.Event()
    event.set()
    event.clear()
    waiter = actors.thread(event)
    waiter.begin("wait")
    wait_until(lambda: count_event_waiters(event) == 1)
    client.flushall()
    event.set()
    event.clear()
    assert waiter.result() is True


def test_generations_rise_although_data_are_lost(ctx: Context, client: redis.Redis) -> None:
    event, seen = ctx.Event(), []
    for _ in range(3):
        event.set()
        seen.append(int(run_command(event, b"HGET", event._key, b"generation")))
        client.flushall()
    assert seen == sorted(set(seen))
