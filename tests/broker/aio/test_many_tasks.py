"""All tasks of a loop share two connections, however many wait."""

from __future__ import annotations

import asyncio

import pytest
import redis

from broker import aio
from broker.aio.messages import Mailbox
from broker.aio.session import register_session
from tests.broker.aio.conftest import Run
from tests.support.aio import waiting

LEASE = 600.0  # a waiter asks again within a lease: the tests count what else is sent
REPLY_TIMEOUT = 60.0  # on a busy machine, some of ten thousand replies are late; those tasks would ask again, and queue


def connections(client: redis.Redis) -> int:
    return int(client.info("clients")["connected_clients"])


async def wait_in_vain(ctx: aio.Context, client: redis.Redis, count: int) -> None:
    lock, event, queue = ctx.Lock(lease=LEASE), ctx.Event(), ctx.Queue()
    before = connections(client)
    await lock.acquire()
    waiters = [asyncio.create_task(lock.acquire()) for _ in range(count)]
    listeners = [asyncio.create_task(event.wait()) for _ in range(count)]
    getters = [asyncio.create_task(queue.get()) for _ in range(count)]
    await waiting(lock, count)
    await waiting(queue, count)
    assert connections(client) - before <= 2
    await event.set()
    assert all(await asyncio.gather(*listeners))
    for number in range(count):
        await queue.put(number)
    assert await asyncio.gather(*getters) == list(range(count))  # first come, first served
    for waiter in waiters:
        waiter.cancel()
    await lock.release()
    await waiting(lock, 0)
    assert await lock.acquire(block=False)
    await lock.release()
    assert connections(client) - before <= 2


def test_tasks_that_wait(run: Run, client: redis.Redis) -> None:
    run(lambda ctx: wait_in_vain(ctx, client, 300))


def test_a_message_wakes_one_task(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes to the task that it is for; the others do not even look at it."""
    delivered: list[bytes] = []
    deliver = Mailbox.deliver
    monkeypatch.setattr(Mailbox, "deliver", lambda *call: (delivered.append(call[1]), deliver(*call)))

    async def main(ctx: aio.Context) -> None:
        lock = ctx.Lock(lease=LEASE)
        await lock.acquire()
        tasks = [asyncio.create_task(lock.acquire()) for _ in range(100)]
        await waiting(lock, 100)
        delivered.clear()
        await lock.release()
        assert await tasks[0]
        assert 1 <= len(delivered) <= 2  # the grant, and for the next in line when to look
        for task in tasks:
            task.cancel()
        await waiting(lock, 0)
        await lock.release()

    run(main)


@pytest.mark.slow
def test_ten_thousand_tasks_that_wait(run: Run, client: redis.Redis) -> None:
    async def main(ctx: aio.Context) -> None:
        register_session(ctx.url, REPLY_TIMEOUT)
        lock = ctx.Lock(lease=LEASE)
        before = connections(client)
        order: list[int] = []

        async def use(number: int) -> None:
            async with lock:
                order.append(number)

        await lock.acquire()
        tasks = [asyncio.create_task(use(number)) for number in range(10_000)]
        await waiting(lock, 10_000)
        assert connections(client) - before <= 2
        await lock.release()
        await asyncio.gather(*tasks)
        assert order == list(range(10_000))

    run(main)
