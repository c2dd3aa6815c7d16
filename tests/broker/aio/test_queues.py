"""Queues keep asyncio's contract, and the broker's."""

from __future__ import annotations

import asyncio
import queue

import pytest

from broker import Context, LeaseLostError, NotHeldError, aio
from tests.broker.aio.conftest import Run
from tests.support.aio import until, waiting


@pytest.mark.parametrize("kind", ["SimpleQueue", "Queue", "JoinableQueue"])
def test_items_come_in_order(run: Run, kind: str) -> None:
    async def main(ctx: aio.Context) -> None:
        items = getattr(ctx, kind)()
        assert await items.empty()
        for item in (1, "two", {"three": 3}):
            await items.put(item)
        assert not await items.empty()
        assert [await items.get() for _ in range(3)] == [1, "two", {"three": 3}]

    run(main)


def test_nowait(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        items = ctx.Queue(1)
        for error in (asyncio.QueueEmpty, queue.Empty, aio.QueueEmpty):
            with pytest.raises(error):
                await items.get_nowait()
        await items.put_nowait(1)
        assert await items.full()
        assert (await items.qsize(), items.maxsize) == (1, 1)
        for full in (asyncio.QueueFull, queue.Full, aio.QueueFull):
            with pytest.raises(full):
                await items.put_nowait(2)
        assert await items.get_nowait() == 1

    run(main)


def test_timeouts(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        items = ctx.Queue(1)
        with pytest.raises(aio.QueueEmpty):
            await items.get(timeout=0.05)
        await items.put(1)
        with pytest.raises(aio.QueueFull):
            await items.put(2, timeout=0.05)
        assert await items.waiters() == []
        assert await items.qsize() == 1

    run(main)


def test_put_waits_for_a_slot(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        items = ctx.Queue(2)

        async def put_all() -> None:
            for number in range(20):
                await items.put(number)

        putting = asyncio.create_task(put_all())
        await waiting(items, 1)
        assert [waiter.call for waiter in await items.waiters()] == ["put"]
        assert [await items.get() for _ in range(20)] == list(range(20))
        await putting

    run(main)


def test_items_pass_between_tasks_and_threads(run: Run, ctx: Context) -> None:
    async def main(actx: aio.Context) -> None:
        there = ctx.Queue(3)
        here = aio.Queue.of(there)

        def echo() -> None:
            while (item := there.get()) is not None:
                there.put(-item)

        for number in range(1, 4):
            await here.put(number)
        thread = asyncio.create_task(asyncio.to_thread(echo))
        got: set[int] = set()
        while len(got) < 3:
            item = await here.get()
            if item < 0:
                got.add(item)
            else:
                await here.put(item)
        await here.put(None)
        await thread
        assert got == {-1, -2, -3}

    run(main)


def test_join_waits_until_all_items_are_done(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        items = ctx.JoinableQueue()
        assert await items.join(timeout=1.0)
        await items.put(1)
        joining = asyncio.create_task(items.join())
        assert await items.join(timeout=0.05) is False
        assert await items.get() == 1
        assert len(await items.holders()) == 1
        assert not joining.done()
        await items.task_done()
        assert await joining
        with pytest.raises(NotHeldError):
            await items.task_done()

    run(main)


def test_item_whose_lease_was_lost_goes_to_another(run: Run, ctx: Context) -> None:
    async def main(actx: aio.Context) -> None:
        there = ctx.JoinableQueue(lease=0.3)
        here = aio.JoinableQueue.of(there)
        await here.put("item")
        assert await here.get() == "item"
        assert there.get() == "item"  # blocks the loop, which cannot renew its lease
        with pytest.raises(LeaseLostError):
            await here.task_done()
        there.task_done()
        await until(here.empty)

    run(main)
