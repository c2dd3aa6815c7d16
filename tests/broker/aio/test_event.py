"""An event keeps asyncio's contract, and the broker's."""

from __future__ import annotations

import asyncio

import pytest

from broker import Context, aio
from broker.engine import flag_wait
from tests.broker.aio.conftest import Run
from tests.support.aio import until
from tests.support.server_state import count_event_waiters


async def subscribed(event: aio.Event, count: int) -> None:
    async def counted() -> bool:
        return count_event_waiters(event.blocking) == count

    await until(counted)


def test_flag(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        event = ctx.Event()
        assert not await event.is_set()
        assert await event.wait(timeout=0.05) is False
        await event.set()
        assert await event.is_set()
        assert await event.wait() is True
        await event.clear()
        assert not await event.is_set()

    run(main)


def test_a_waiting_task_is_listed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flag_wait, "REGISTER_AFTER", 0.0)

    async def main(ctx: aio.Context) -> None:
        event = ctx.Event()
        task = asyncio.create_task(event.wait())

        async def listed() -> bool:
            return [each.call for each in await event.waiters()] == ["wait"]

        await until(listed)
        await event.set()
        assert await task is True
        assert await event.waiters() == []

    run(main)


def test_all_waiting_tasks_are_woken_although_it_is_cleared_at_once(run: Run, ctx: Context) -> None:
    async def main(actx: aio.Context) -> None:
        event = actx.Event(name=ctx.Event().name)
        tasks = [asyncio.create_task(event.wait()) for _ in range(100)]
        await subscribed(event, 1)  # one connection for all
        there = event.blocking
        await asyncio.to_thread(there.set)
        await asyncio.to_thread(there.clear)
        assert await asyncio.gather(*tasks) == [True] * 100
        await subscribed(event, 0)  # and none when nobody waits any more
        await event.delete()

    run(main)


def test_waiters_come_and_go(run: Run) -> None:
    """The subscription ends with the last waiter and begins anew with the next, also in quick succession."""

    async def main(ctx: aio.Context) -> None:
        event = ctx.Event()
        for _ in range(20):
            assert await event.wait(timeout=0.001) is False
        for _ in range(20):
            task = asyncio.create_task(event.wait())
            await asyncio.sleep(0)
            task.cancel()
        last = asyncio.create_task(event.wait())
        await subscribed(event, 1)
        await event.set()
        assert await last

    run(main)
