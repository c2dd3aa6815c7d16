"""Whatever becomes of the server's data, whoever waits checks again within a lease."""

from __future__ import annotations

import queue
from collections.abc import Callable

import pytest
import redis

from broker import Context
from broker.engine import flag_wait
from broker.engine.handle import Handle
from tests.support.actors import Actor, Actors
from tests.support.server_state import count_joiners, count_waiters
from tests.support.waiting import wait_until

LEASE = 0.5

LOSSES: dict[str, Callable[[redis.Redis, Handle], object]] = {
    "FLUSHALL": lambda client, handle: client.flushall(),
    "delete": lambda client, handle: handle.delete(),
}
BOTH_LOSSES = pytest.mark.parametrize("loss", LOSSES)


@BOTH_LOSSES
def test_join_returns_if_its_queue_is_gone(
    ctx: Context, client: redis.Redis, actors: Actors, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    monkeypatch.setattr(flag_wait, "RECHECK_INTERVAL", LEASE)
    tasks = ctx.JoinableQueue()
    tasks.put("task")
    joiner = actors.thread(tasks)
    joiner.begin("join")
    wait_until(lambda: count_joiners(tasks) == 1)
    LOSSES[loss](client, tasks)
    assert joiner.result() is None


@BOTH_LOSSES
def test_next_in_line_gets_a_permit_although_the_first_timed_out(
    ctx: Context, client: redis.Redis, actors: Actors, loss: str
) -> None:
    semaphore = ctx.Semaphore(0, lease=LEASE)
    first, second = _wait_in_line(actors, semaphore, "acquire")
    assert first.result() is False
    LOSSES[loss](client, semaphore)
    semaphore.release()
    assert second.result() is True


@BOTH_LOSSES
def test_next_getter_gets_an_item_although_the_first_timed_out(
    ctx: Context, client: redis.Redis, actors: Actors, loss: str
) -> None:
    tasks = ctx.JoinableQueue(lease=LEASE)
    first, second = _wait_in_line(actors, tasks, "get")
    with pytest.raises(queue.Empty):
        first.result()
    LOSSES[loss](client, tasks)
    tasks.put("task")
    assert second.result() == "task"


def _wait_in_line(actors: Actors, handle: Handle, call: str) -> tuple[Actor, Actor]:
    first, second = actors.thread(handle), actors.thread(handle)
    first.begin(call, timeout=3.0)
    wait_until(lambda: count_waiters(handle) == 1)
    second.begin(call)
    wait_until(lambda: count_waiters(handle) == 2)
    return first, second
