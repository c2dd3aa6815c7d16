"""Conditions and reentrant locks of tasks are those of threads, and keep asyncio's contract."""

from __future__ import annotations

import asyncio
import threading
import uuid
from typing import Any

import pytest

from broker import Context, InvalidArgumentError, LeaseLostError, NotOwnedError, UnsupportedError, aio
from tests.broker.aio.conftest import Run
from tests.support.actors import SLACK, TIMEOUT
from tests.support.aio import until, waiting
from tests.support.waiting import wait_until

LONG = 60.0  # seconds: a lease that does not end within a test


async def waits(condition: aio.Condition, order: list[int], number: int, **options: Any) -> bool:
    async with condition:
        notified = await condition.wait(**options)
        assert condition.lock.held
        order.append(number)
        return notified


async def start(condition: aio.Condition, count: int) -> tuple[list[asyncio.Task[bool]], list[int]]:
    """Let tasks wait, one after the other; return them, and the list in which they are numbered when they go on."""
    order: list[int] = []
    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(waits(condition, order, number)))
        await waiting(condition, number + 1)
    return tasks, order


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_longest_waiters_are_notified_first(run: Run, kind: str) -> None:
    async def main(ctx: aio.Context) -> None:
        condition = ctx.Condition(getattr(ctx, kind)(lease=LONG))
        tasks, order = await start(condition, 4)
        async with condition as entered:
            assert entered is None
            assert await condition.locked()
            await condition.notify(2)
            assert order == []
        assert await asyncio.gather(*tasks[:2]) == [True, True]
        assert order == [0, 1]
        async with condition:
            await condition.notify_all()
        assert await asyncio.gather(*tasks) == [True] * 4
        assert order == [0, 1, 2, 3]
        assert not await condition.locked()

    run(main)


def test_threads_and_tasks_wait_for_one_condition(run: Run, ctx: Context) -> None:
    """A task notifies threads and tasks in the order in which they came, and a thread does."""
    there = ctx.Condition(name=uuid.uuid4().hex, lease=LONG)

    def wait_there(order: list[int], number: int) -> None:
        with there:
            assert there.wait()
            order.append(number)

    async def main(actx: aio.Context) -> None:
        here = actx.Condition(name=there.name, lease=LONG)
        order: list[int] = []
        tasks, threads = [], []
        for number in range(4):
            if number % 2:
                tasks.append(asyncio.create_task(waits(here, order, number)))
            else:
                threads.append(threading.Thread(target=wait_there, args=(order, number)))
                threads[-1].start()
            await waiting(here, number + 1)
        async with here:
            await here.notify(3)
        await until(lambda: is_long(order, 3))
        assert order == [0, 1, 2]
        await asyncio.to_thread(notify_there)
        assert all(await asyncio.gather(*tasks))
        for thread in threads:
            await asyncio.to_thread(thread.join, TIMEOUT)
        assert order == [0, 1, 2, 3]
        for handle in (here, here.lock):
            await handle.delete()

    def notify_there() -> None:
        with there:
            there.notify()

    run(main)


async def is_long(numbers: list[int], length: int) -> bool:
    return len(numbers) == length


def test_timeout_comes_back_with_the_lock(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        condition = ctx.Condition(lease=LONG)
        async with condition:
            async with condition:
                for timeout in (0, 0.05):
                    assert await condition.wait(timeout) is False
                assert await condition.wait_for(lambda: 0, timeout=0.05) == 0
                assert await condition.wait_for(lambda: 7) == 7
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(condition.wait(), 0.05)
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(condition.wait_for(lambda: None), 0.05)
                assert condition.lock.held
            assert condition.lock.held, "it had been acquired twice"
        assert not await condition.locked()
        assert await condition.waiters() == []

    run(main)


def test_cancelled_waiter_comes_back_with_the_lock_however_often_it_is_cancelled(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        condition = ctx.Condition(lease=LONG)
        (task,), order = await start(condition, 1)
        async with condition:
            task.cancel()
            await waiting(condition.lock, 1)
            for _ in range(3):
                task.cancel()
                await asyncio.sleep(0)
            assert not task.done(), "the lock is held by this task"
        with pytest.raises(asyncio.CancelledError):
            await task
        assert order == []
        assert not await condition.locked()
        assert await condition.lock.acquire(timeout=SLACK)
        await condition.lock.release()

    run(main)


def test_only_the_task_that_holds_the_lock_may_wait_and_notify(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        condition = ctx.Condition(lease=LONG)
        with pytest.raises(NotOwnedError):
            await condition.notify()
        with pytest.raises(NotOwnedError):
            await condition.release()
        async with condition:
            for call in (condition.notify, condition.release):
                with pytest.raises(NotOwnedError):
                    await asyncio.create_task(call())
            assert await asyncio.create_task(condition.acquire(timeout=0.01)) is False
            assert await condition.acquire(timeout=0.01)
            await condition.release()

    run(main)


def test_lost_lease_fails_every_level(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        lock = ctx.RLock(lease=LONG)
        for _ in range(3):
            assert await lock.acquire()
        assert lock.depth == 3
        await lock.delete()
        lock.blocking._current_lease(lock._get_session().holdings).lost = True  # type: ignore[union-attr]
        assert not lock.held
        with pytest.raises(LeaseLostError):
            await lock.acquire()
        for _ in range(3):
            with pytest.raises(LeaseLostError):
                await lock.release()
        with pytest.raises(NotOwnedError):
            await lock.release()
        assert lock.depth == 0

    run(main)


def test_later_task_does_not_own_what_an_ended_one_has_left_behind(run: Run) -> None:
    """Tasks that follow each other often have the same id."""

    async def main(ctx: aio.Context) -> None:
        lock = ctx.RLock(lease=LONG)
        assert await asyncio.create_task(lock.acquire())
        for _ in range(20):
            assert not await asyncio.create_task(lock.acquire(block=False))

    run(main)


def test_what_is_no_lock_of_this_server_is_refused(ctx: Context) -> None:
    actx = aio.Context(ctx.url)
    with pytest.raises(UnsupportedError):
        actx.Condition(asyncio.Lock())  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError):
        actx.Condition(ctx.Lock())  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="same server"):
        actx.Condition(aio.Context(ctx.url + "?db=9").Lock(name="elsewhere"), name="x")


def test_thread_notifies_what_a_task_waits_for_by_its_own_handle(run: Run, ctx: Context) -> None:
    async def main(actx: aio.Context) -> None:
        lock = actx.Lock(lease=LONG)
        condition = actx.Condition(lock)
        assert condition.lock.name == lock.name
        (task,), _ = await start(condition, 1)

        def notify() -> None:
            with condition.blocking:
                condition.blocking.notify_all()

        await asyncio.to_thread(notify)
        assert await task
        wait_until(lambda: not condition.blocking.lock.locked())

    run(main)
