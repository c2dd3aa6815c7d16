"""A cancelled call ends at once, and leaves nothing behind: whichever of its operations it is waiting for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from broker import Condition, Context, aio
from broker.aio.connection import Connection
from broker.aio.session import get_session
from broker.engine.shared_scripts import WITHDRAW
from tests.broker.aio.conftest import Run
from tests.support.actors import SLACK, TIMEOUT
from tests.support.aio import run_with_context, until, waiting
from tests.support.proxy import Fault, Proxy
from tests.support.server_state import count_event_waiters

OPERATIONS = ("execute", "post", "subscribe", "receive", "unsubscribe")
LEASE = 2.0 * TIMEOUT  # no test passes because a lease has expired


class Cancellation:
    """Cancels a task during its operation number `at`: when it has been sent, or when its result has arrived."""

    def __init__(self, at: int, when: str) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.count = 0
        self._at = at
        self._when = when

    def wrap(self, operation: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def wrapped(*arguments: Any, **options: Any) -> Any:
            if self.task is None or asyncio.current_task() is not self.task:
                return await operation(*arguments, **options)
            self.count += 1
            if self.count == self._at and self._when == "sent":
                self.task.cancel()
            result = await operation(*arguments, **options)
            if self.count == self._at:
                if self._when == "answered":
                    self.task.cancel()
                await asyncio.sleep(0)
            return result

        return wrapped


@contextmanager
def cancelled(at: int, when: str) -> Iterator[Cancellation]:
    cancellation = Cancellation(at, when)
    with pytest.MonkeyPatch.context() as patch:
        for name in OPERATIONS:
            patch.setattr(Connection, name, cancellation.wrap(getattr(Connection, name)))
        yield cancellation


moments = pytest.mark.parametrize("when", ["sent", "answered"])


async def cancel_each(
    begin: Callable[[int], Awaitable[tuple[asyncio.Task[Any], Callable[[], Awaitable[None]]]]],
    check: Callable[[int], Awaitable[None]],
    when: str,
) -> int:
    """Begin a call again and again, and cancel it at its first, its second … operation; return how many it has.

    `begin` returns the task, and what lets it go on when it waits for others.
    """
    at = 0
    while True:
        at += 1
        with cancelled(at, when) as cancellation:
            task, go_on = await begin(at)
            cancellation.task = task
            await asyncio.sleep(0)
            await go_on()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
        await check(at)
        if cancellation.count < at:
            assert not isinstance(outcome, BaseException)
            return at - 1
        assert isinstance(outcome, asyncio.CancelledError)


@moments
def test_acquire_of_a_free_lock(run: Run, when: str) -> None:
    async def main(ctx: aio.Context) -> None:
        locks = [ctx.Lock(lease=LEASE) for _ in range(4)]

        async def begin(at: int) -> Any:
            return asyncio.create_task(locks[at].acquire()), lambda: asyncio.sleep(0)

        async def check(at: int) -> None:
            lock = locks[at]
            if lock.held:
                await lock.release()
            assert await lock.acquire(timeout=SLACK)
            assert await lock.waiters() == []
            await lock.release()

        assert await cancel_each(begin, check, when) >= 1

    run(main)


@moments
@pytest.mark.parametrize("warm", [False, True], ids=["first", "subscribed"])
def test_acquire_of_a_lock_that_is_released_meanwhile(run: Run, ctx: Context, when: str, warm: bool) -> None:
    async def main(actx: aio.Context) -> None:
        name, there = uuid.uuid4().hex, ctx.Lock  # the holder is a thread
        locks = [actx.Lock(name=f"{name}-{at}", lease=LEASE) for at in range(12)]
        holders = [there(name=f"{name}-{at}", lease=LEASE) for at in range(12)]
        if warm:
            async with locks[0]:
                assert await locks[0].acquire(timeout=0.01) is False

        async def begin(at: int) -> Any:
            wire = get_session(actx.url).messages.current
            if wire is not None and not warm:
                wire.close()
            holders[at].acquire()
            task = asyncio.create_task(locks[at].acquire())

            async def release() -> None:
                async def queued_or_done() -> bool:
                    return task.done() or len(await locks[at].waiters()) == 1

                await until(queued_or_done)
                holders[at].release()

            return task, release

        async def check(at: int) -> None:
            if locks[at].held:
                await locks[at].release()
            assert await asyncio.to_thread(holders[at].acquire, timeout=SLACK)
            assert await locks[at].waiters() == []
            holders[at].release()

        assert await cancel_each(begin, check, when) >= (4 if warm else 5)
        for lock in locks:
            await lock.delete()

    run(main)


@moments
def test_release(run: Run, when: str) -> None:
    async def main(ctx: aio.Context) -> None:
        locks = [ctx.Lock(lease=LEASE) for _ in range(4)]

        async def begin(at: int) -> Any:
            await locks[at].acquire()
            return asyncio.create_task(locks[at].release()), lambda: asyncio.sleep(0)

        async def check(at: int) -> None:
            assert await locks[at].acquire(timeout=SLACK)
            await locks[at].release()
            assert not locks[at].held

        assert await cancel_each(begin, check, when) == 1

    run(main)


@moments
def test_get(run: Run, when: str) -> None:
    """The item goes to another getter."""

    async def main(ctx: aio.Context) -> None:
        queues = [ctx.JoinableQueue(lease=LEASE) if at % 2 else ctx.Queue() for at in range(20)]

        async def begin(at: int) -> Any:
            queue = queues[at]
            task = asyncio.create_task(queue.get())

            async def put() -> None:
                async def queued_or_done() -> bool:
                    return task.done() or len(await queue.waiters()) == 1

                await until(queued_or_done)
                await queue.put(at)

            return task, put

        for at in range(1, 20):
            with cancelled((at + 1) // 2, when) as cancellation:
                task, put = await begin(at)
                cancellation.task = task
                await asyncio.sleep(0)
                await put()
                (outcome,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(outcome, asyncio.CancelledError):
                assert await queues[at].get(timeout=SLACK) == at
            else:
                assert outcome == at
                assert cancellation.count < (at + 1) // 2
            assert await queues[at].waiters() == []
            assert await queues[at].empty()

    run(main)


@moments
def test_wait_for_an_event(run: Run, ctx: Context, when: str) -> None:
    async def main(actx: aio.Context) -> None:
        events = [actx.Event() for _ in range(12)]

        async def begin(at: int) -> Any:
            return asyncio.create_task(events[at].wait()), events[at].set

        async def check(at: int) -> None:
            async def nobody_is_subscribed() -> bool:
                return count_event_waiters(events[at].blocking) == 0

            await until(nobody_is_subscribed)

        assert await cancel_each(begin, check, when) >= 2

    run(main)


@moments
@pytest.mark.parametrize("timeout", [None, 0.0])
def test_wait_for_a_condition(run: Run, when: str, timeout: float | None) -> None:
    """The task comes back with the lock; if it was notified, a thread that has come later is notified instead."""

    async def main(ctx: aio.Context) -> None:
        conditions = [ctx.Condition(lease=LEASE) for _ in range(20)]
        notified = set[int]()
        followers: list[asyncio.Task[bool]] = []

        async def use(at: int) -> None:
            async with conditions[at]:
                try:
                    if await conditions[at].wait(timeout):
                        notified.add(at)
                finally:
                    assert conditions[at].lock.held

        def follow(condition: Condition) -> bool:
            with condition:
                return condition.wait(TIMEOUT)

        async def notify(at: int) -> None:
            async with conditions[at]:
                await conditions[at].notify()

        async def begin(at: int) -> Any:
            task = asyncio.create_task(use(at))

            async def go_on() -> None:
                await until(lambda: is_done(task, conditions[at], 1))
                followers.append(asyncio.create_task(asyncio.to_thread(follow, conditions[at].blocking)))
                await until(lambda: waits_in_a_thread(followers[-1], conditions[at]))
                await notify(at)

            return task, go_on

        async def check(at: int) -> None:
            if at in notified:
                await notify(at)
            assert await followers.pop()
            assert await conditions[at].waiters() == []
            assert await conditions[at].acquire(timeout=SLACK)
            assert await conditions[at].lock.waiters() == []
            await conditions[at].release()

        assert await cancel_each(begin, check, when) >= 5
        assert notified or timeout == 0.0

    run(main)


async def is_done(task: asyncio.Task[Any], handle: aio.Condition | aio.Barrier | aio.RLock, count: int) -> bool:
    return task.done() or len(await handle.waiters()) == count


async def waits_in_a_thread(call: asyncio.Task[Any], handle: aio.Condition | aio.Barrier) -> bool:
    return call.done() or any(each.thread != threading.get_native_id() for each in await handle.waiters())


@moments
def test_wait_at_a_barrier(run: Run, when: str) -> None:
    """The party has left, and another can take its place; or all had arrived already."""

    async def main(ctx: aio.Context) -> None:
        barriers = [ctx.Barrier(2, lease=LEASE) for _ in range(20)]
        others: list[asyncio.Task[int]] = []

        async def begin(at: int) -> Any:
            task = asyncio.create_task(barriers[at].wait())

            async def go_on() -> None:
                await until(lambda: is_done(task, barriers[at], 1))
                others.append(asyncio.create_task(asyncio.to_thread(barriers[at].blocking.wait, TIMEOUT)))
                await until(lambda: waits_in_a_thread(others[-1], barriers[at]))

            return task, go_on

        async def check(at: int) -> None:
            other = others.pop()
            if not other.done():
                assert sorted(await asyncio.gather(other, barriers[at].wait(SLACK))) == [0, 1]
            assert await other in (0, 1)
            assert (await barriers[at].n_waiting, await barriers[at].broken) == (0, False)

        assert await cancel_each(begin, check, when) >= 3

    run(main)


@moments
def test_notify(run: Run, when: str) -> None:
    """It is notified or not, and the lock is as it was."""

    async def main(ctx: aio.Context) -> None:
        condition = ctx.Condition(lease=LEASE)

        async def begin(at: int) -> Any:
            return asyncio.create_task(notify()), lambda: asyncio.sleep(0)

        async def notify() -> None:
            async with condition:
                await condition.notify()

        async def check(at: int) -> None:
            assert await condition.acquire(timeout=SLACK)
            await condition.release()

        assert await cancel_each(begin, check, when) >= 3

    run(main)


@moments
def test_access_to_a_value_whose_lock_is_held(run: Run, when: str) -> None:
    """The lock is not held afterwards; the number was added once, or not."""

    async def main(ctx: aio.Context) -> None:
        lock = ctx.RLock(lease=LEASE)
        total = ctx.Value("i", lock=lock)
        await total.open()

        async def begin(at: int) -> Any:
            await lock.acquire()
            task = asyncio.create_task(total.add(1))

            async def go_on() -> None:
                await until(lambda: is_done(task, lock, 1))
                await lock.release()

            return task, go_on

        async def check(at: int) -> None:
            assert await lock.acquire(timeout=SLACK)
            assert await lock.waiters() == []
            await lock.release()
            assert await total.get() <= at

        assert await cancel_each(begin, check, when) >= 5

    run(main)


async def wait_for(call: Awaitable[Any]) -> None:
    await asyncio.wait_for(call, 0.1)


async def within_timeout(call: Awaitable[Any]) -> None:
    async with asyncio.timeout(0.1):  # type: ignore[attr-defined, unused-ignore]
        await call


@pytest.mark.parametrize("limited", [wait_for, within_timeout])
def test_asyncio_timeout(run: Run, limited: Callable[[Awaitable[Any]], Awaitable[None]]) -> None:
    if limited is within_timeout and not hasattr(asyncio, "timeout"):
        pytest.skip("asyncio.timeout is there from Python 3.11 on")

    async def main(ctx: aio.Context) -> None:
        lock = ctx.Lock(lease=LEASE)
        async with lock:
            with pytest.raises(asyncio.TimeoutError):
                await limited(lock.acquire())
            await waiting(lock, 0)
        async with lock:
            pass

    run(main)


def test_cancelled_waiters_do_not_keep_others_waiting(run: Run) -> None:
    """All who wait are cancelled at the moment of a release, but one."""

    async def main(ctx: aio.Context) -> None:
        lock = ctx.Lock(lease=LEASE)
        await lock.acquire()
        tasks = [asyncio.create_task(lock.acquire()) for _ in range(50)]
        await waiting(lock, 50)
        release = asyncio.create_task(lock.release())
        for task in tasks[:-1]:
            task.cancel()
        assert await tasks[-1]
        await release
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes) == 49
        await waiting(lock, 0)
        await lock.release()
        assert not await lock.locked()

    run(main)


def test_one_failure_cancels_a_group(run: Run) -> None:
    task_group = getattr(asyncio, "TaskGroup", None)
    if task_group is None:
        pytest.skip("asyncio.TaskGroup is there from Python 3.11 on")

    async def main(ctx: aio.Context) -> None:
        lock, go = ctx.Lock(lease=LEASE), asyncio.Event()

        async def fail() -> None:
            await go.wait()
            raise ZeroDivisionError

        async def use() -> None:
            async with lock:
                await asyncio.Event().wait()

        async def group() -> None:
            async with task_group() as tasks:
                for _ in range(20):
                    tasks.create_task(use())
                tasks.create_task(fail())

        running = asyncio.create_task(group())
        await waiting(lock, 19)
        go.set()
        (outcome,) = await asyncio.gather(running, return_exceptions=True)
        assert [type(error) for error in outcome.exceptions] == [ZeroDivisionError]
        assert await lock.acquire(timeout=SLACK)
        await waiting(lock, 0)
        await lock.release()

    run(main)


def test_closing_the_context_completes_what_was_cancelled(ctx: Context, proxy: Proxy) -> None:
    """Also if the request that withdraws it is lost, and has to be sent again on a new connection."""
    there = ctx.Lock(lease=LEASE)

    async def main(actx: aio.Context) -> None:
        lock = actx.Lock(name=there.name, lease=LEASE)
        proxy.inject(WITHDRAW.text[:80], Fault.LOSE_REQUEST)  # the first time it is sent by its text
        task = asyncio.create_task(lock.acquire())
        with cancelled(1, "answered") as cancellation:
            cancellation.task = task
            with pytest.raises(asyncio.CancelledError):
                await task

    run_with_context(proxy.url, main)
    assert proxy.all_injected
    assert there.holders() == []


PROGRAM = """
import asyncio, sys
from broker import aio


async def main():
    ctx = aio.Context(sys.argv[1])
    held, renewed = ctx.Lock(name=sys.argv[2], lease=100), ctx.Lock(name=sys.argv[3], lease=0.03)
    await held.acquire()
    await renewed.acquire()
    waiters = [asyncio.create_task(held.acquire()) for _ in range(20)]
    while len(await held.waiters()) < 20:
        await asyncio.sleep(0.01)


asyncio.run(main())
"""


def test_loop_that_ends_without_closing_the_context_reports_nothing(ctx: Context) -> None:
    program = [sys.executable, "-c", PROGRAM, ctx.url, ctx.Lock().name, ctx.Lock().name]
    run = subprocess.run(program, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
