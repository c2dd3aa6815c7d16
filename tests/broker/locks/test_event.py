"""What an event over Redis promises beyond multiprocessing's: set() wakes every process that was waiting."""

from __future__ import annotations

import pytest
import redis

from broker import Context
from tests.support.actors import Actors
from tests.support.server_state import count_event_waiters, run_command
from tests.support.waiting import wait_until

WAITERS = 200


def test_set_wakes_all_waiters_although_clear_follows(ctx: Context, actors: Actors) -> None:
    event = ctx.Event()
    waiters = [actors.thread(event) for _ in range(WAITERS)]
    for waiter in waiters:
        waiter.begin("wait")
    wait_until(lambda: count_event_waiters(event) == WAITERS)
    event.set()
    event.clear()
    assert all(waiter.result() is True for waiter in waiters)
    assert event.wait(0) is False


def test_wait_that_starts_after_clear_blocks(ctx: Context, actors: Actors) -> None:
    event = ctx.Event()
    waiter = actors.thread(event)
    for _ in range(3):
        assert waiter.call("wait", 0.02) is False
        waiter.begin("wait")
        wait_until(lambda: count_event_waiters(event) == 1)
        event.set()
        event.clear()
        assert waiter.result() is True


def test_wait_unsubscribes_at_its_end(ctx: Context, client: redis.Redis) -> None:
    event = ctx.Event()
    assert event.wait(0.02) is False
    wait_until(lambda: count_event_waiters(event) == 0)


@pytest.mark.parametrize("set_back", [False, True])
def test_waiter_wakes_at_next_set_after_data_loss(
    ctx: Context, client: redis.Redis, actors: Actors, set_back: bool
) -> None:
    """Also if the server's clock was set back meanwhile."""
    event = ctx.Event()
    event.set()
    event.clear()
    if set_back:
        client.hset(event._key, "generation", 2**52)  # a generation is the server's time
    waiter = actors.thread(event)
    waiter.begin("wait")
    wait_until(lambda: count_event_waiters(event) == 1)
    client.flushall()
    event.set()
    event.clear()
    assert waiter.result() is True


def test_generations_rise_across_data_loss(ctx: Context, client: redis.Redis) -> None:
    event, generations = ctx.Event(), []
    for _ in range(3):
        event.set()
        generations.append(int(run_command(event, b"HGET", event._key, b"generation")))
        client.flushall()
    assert generations == sorted(set(generations))
