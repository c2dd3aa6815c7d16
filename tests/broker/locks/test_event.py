"""What an event over Redis promises beyond multiprocessing's: set() wakes every process that was waiting."""

from __future__ import annotations

import os
import time
from contextlib import closing

import pytest
import redis

from broker import Context
from broker.engine import flag_wait
from broker.server.private_server import PrivateServer
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


@pytest.fixture
def listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flag_wait, "REGISTER_AFTER", 0.0)


@pytest.mark.usefixtures("listed_at_once")
def test_who_waits_is_listed_until_it_is_woken(ctx: Context, actors: Actors) -> None:
    event = ctx.Event()  # without a state, as nobody has set it
    before = time.time()
    waiters = [actors.thread(event) for _ in range(3)]
    for number, waiter in enumerate(waiters, 1):
        waiter.begin("wait")
        wait_until(lambda number=number: len(event.waiters()) == number)
    found = event.waiters()
    assert [(each.pid, each.process, each.call, each.place) for each in found] == [
        (os.getpid(), "MainProcess", "wait", place) for place in (1, 2, 3)
    ]
    assert len({each.thread for each in found}) == 3
    assert before - 1 < found[0].since <= found[1].since <= found[2].since < time.time() + 1
    assert [each.waiters for each in ctx.primitives(busy=True) if each.name == event.name] == [tuple(found)]
    event.set()
    event.clear()
    assert event.waiters() == []
    assert all(waiter.result() is True for waiter in waiters)


@pytest.mark.usefixtures("listed_at_once")
def test_who_has_given_up_is_not_listed(ctx: Context, actors: Actors) -> None:
    event = ctx.Event()
    waiter = actors.thread(event)
    waiter.begin("wait", 0.5)
    wait_until(lambda: event.waiters())
    assert waiter.result() is False
    assert event.waiters() == []


def test_a_short_wait_pays_nothing_for_being_listed(ctx: Context, client: redis.Redis) -> None:
    event = ctx.Event()
    client.config_resetstat()
    assert event.wait(0.02) is False
    assert "cmdstat_zadd" not in client.info("commandstats")


@pytest.mark.usefixtures("listed_at_once")
def test_waiting_on_a_server_whose_memory_is_full(actors: Actors) -> None:
    with closing(PrivateServer()) as server, Context(server.url) as ctx, redis.Redis.from_url(server.url) as client:
        event = ctx.Event()
        client.config_set("maxmemory", 1)
        waiter = actors.thread(event)
        waiter.begin("wait", 1.0)
        wait_until(lambda: event.waiters())
        assert waiter.result() is False


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
