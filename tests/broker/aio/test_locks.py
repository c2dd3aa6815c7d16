"""Locks and semaphores keep asyncio's contract, and the broker's."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import broker
from broker import BrokerError, Context, InvalidArgumentError, MismatchError, NotHeldError, aio
from tests.broker.aio.conftest import Run
from tests.support.actors import TIMEOUT
from tests.support.aio import waiting


def test_lock_is_held_inside_its_block(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        lock = ctx.Lock()
        assert not lock.held
        async with lock as entered:
            assert entered is None
            assert lock.held
            assert await lock.locked()
            first = lock.fence
        assert not lock.held
        assert lock.fence is None
        assert not await lock.locked()
        assert await lock.acquire()
        assert first is not None
        assert lock.fence is not None
        assert lock.fence > first
        await lock.release()

    run(main)


def test_timeout_returns_false(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        lock = ctx.Lock()
        async with lock:
            assert await lock.acquire(timeout=0.05) is False
            assert await lock.acquire(block=False) is False
            assert await lock.acquire(timeout=0) is False
        assert await lock.waiters() == []
        assert await lock.acquire(block=False)
        await lock.release()

    run(main)


def test_release_of_what_is_not_held(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        for primitive in (ctx.Lock(), ctx.BoundedSemaphore(2)):
            with pytest.raises(NotHeldError):
                await primitive.release()

    run(main)


def test_block_that_raises_releases(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        lock = ctx.Lock()
        with pytest.raises(ZeroDivisionError):
            async with lock:
                raise ZeroDivisionError
        assert not await lock.locked()

    run(main)


def test_tasks_exclude_each_other(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        lock, inside, most = ctx.Lock(), 0, 0

        async def work() -> None:
            nonlocal inside, most
            for _ in range(5):
                async with lock:
                    inside += 1
                    most = max(most, inside)
                    await asyncio.sleep(0)
                    inside -= 1

        await asyncio.gather(*(work() for _ in range(20)))
        assert most == 1

    run(main)


def test_task_and_thread_exclude_each_other(run: Run, ctx: Context) -> None:
    """They share a counter that is read, and written after a switch to others."""
    shared = {"count": 0, "inside": 0}
    name = ctx.Lock().name
    lock = ctx.Lock(name=name)
    rounds = 50

    def enter() -> None:
        assert shared["inside"] == 0
        shared["inside"] = 1

    def work_in_thread() -> None:
        for _ in range(rounds):
            with lock:
                enter()
                shared["count"] += 1
                shared["inside"] = 0

    async def main(actx: aio.Context) -> None:
        same = actx.Lock(name=name)
        thread = asyncio.create_task(asyncio.to_thread(work_in_thread))
        for _ in range(rounds):
            async with same:
                enter()
                before = shared["count"]
                await asyncio.sleep(0)
                shared["count"] = before + 1
                shared["inside"] = 0
        await thread

    run(main)
    assert shared["count"] == 2 * rounds
    lock.delete()


def test_first_come_first_served_among_tasks_and_a_thread(run: Run, ctx: Context) -> None:
    name = ctx.Lock().name
    order: list[int] = []
    tasks, middle = 200, 100

    def work_in_thread() -> None:
        with ctx.Lock(name=name):
            order.append(middle)

    async def main(actx: aio.Context) -> None:
        lock = actx.Lock(name=name)
        thread = threading.Thread(target=work_in_thread)

        async def work(number: int) -> None:
            async with lock:
                order.append(number)

        async with lock:
            begun = []
            for number in range(tasks + 1):
                if number == middle:
                    thread.start()
                else:
                    begun.append(asyncio.create_task(work(number)))
                await waiting(lock, number + 1)
        await asyncio.gather(*begun)
        await asyncio.to_thread(thread.join, TIMEOUT)
        await lock.delete()

    run(main)
    assert order == list(range(tasks + 1))


def test_another_task_releases_if_it_holds_nothing_itself(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        lock = ctx.Lock()
        await asyncio.create_task(lock.acquire())  # a task that ends without a release
        assert lock.held
        await lock.release()
        assert not await lock.locked()

    run(main)


def test_task_releases_its_own_permit(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        semaphore = ctx.Semaphore(2)
        await semaphore.acquire()
        mine = semaphore.fence
        acquired, go = asyncio.Event(), asyncio.Event()

        async def other() -> int | None:
            await semaphore.acquire()
            theirs = semaphore.fence
            acquired.set()
            await go.wait()
            await semaphore.release()
            return theirs

        task = asyncio.create_task(other())
        await acquired.wait()
        assert semaphore.fence == mine
        go.set()
        assert await task != mine
        assert semaphore.fence == mine
        assert semaphore.held
        await semaphore.release()
        assert await semaphore.get_value() == 2

    run(main)


def test_semaphore_counts(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        semaphore = ctx.Semaphore(2)
        assert await semaphore.get_value() == 2
        async with semaphore, semaphore:
            assert await semaphore.locked()
            assert await semaphore.acquire(timeout=0.05) is False
        assert await semaphore.get_value() == 2
        await semaphore.release()
        assert await semaphore.get_value() == 3

    run(main)


def test_another_start_value_is_refused(run: Run, ctx: Context) -> None:
    there = ctx.Semaphore(2, name="aio-mismatch")

    async def main(actx: aio.Context) -> None:
        with pytest.raises(MismatchError):
            await actx.Semaphore(3, name="aio-mismatch").open()

    run(main)
    there.delete()


def test_holders_and_waiters(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        lock = ctx.Lock()
        async with lock:
            task = asyncio.create_task(lock.acquire())
            await waiting(lock, 1)
            (holder,), (waiter,) = await lock.holders(), await lock.waiters()
            assert (holder.fence, holder.thread) == (lock.fence, threading.get_native_id())
            assert (waiter.call, waiter.place, waiter.pid) == ("acquire", 1, holder.pid)
        assert await task
        await lock.release()

    run(main)


@pytest.mark.parametrize("arguments", [{"lease": 0}, {"lease": "ten"}, {"name": ""}])
def test_invalid_argument_is_refused(run: Run, arguments: dict[str, Any]) -> None:
    async def main(ctx: aio.Context) -> None:
        with pytest.raises((BrokerError, TypeError)):
            ctx.Lock(**arguments)

    run(main)


def test_name_without_a_server_url_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="LAB_REDIS_URL"):
        aio.Context().Lock(name="tickets")


def test_private_server() -> None:
    async def main() -> None:
        async with aio.get_context() as ctx, ctx.Lock() as _:
            assert ctx.url.startswith("unix://")

    asyncio.run(main())


def test_handle_is_used_in_one_loop_after_the_other(ctx: Context) -> None:
    async def use(lock: aio.Lock, actx: aio.Context) -> int | None:
        async with actx, lock:
            return lock.fence

    actx = aio.Context(ctx.url)
    lock = actx.Lock(name=ctx.Lock().name)
    first, second = (asyncio.run(use(lock, actx)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first < second
    broker.Lock(lock.name, context=ctx).delete()
