"""Barriers of tasks are those of threads, and keep asyncio's contract."""

from __future__ import annotations

import asyncio
import threading

import pytest

from broker import BrokenBarrierError as BlockingError
from broker import Context, MismatchError, UnsupportedError, aio
from tests.broker.aio.conftest import Run
from tests.support.actors import TIMEOUT
from tests.support.aio import waiting


def test_tasks_and_threads_have_distinct_numbers_in_each_generation(run: Run, ctx: Context) -> None:
    there = ctx.Barrier(4)
    numbers: list[list[int]] = [[], [], []]

    def work() -> None:
        for generation in numbers:
            generation.append(there.wait(TIMEOUT))

    async def main(actx: aio.Context) -> None:
        here = actx.Barrier(4, name=there.name)
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()

        async def task() -> None:
            for generation in numbers:
                async with here as number:
                    generation.append(number)

        await asyncio.gather(task(), task())
        for thread in threads:
            await asyncio.to_thread(thread.join, TIMEOUT)
        assert [sorted(generation) for generation in numbers] == [[0, 1, 2, 3]] * 3
        assert (here.parties, await here.n_waiting, await here.broken) == (4, 0, False)

    run(main)


@pytest.mark.parametrize("call", ["abort", "reset", "timeout"])
def test_all_learn_why_it_is_broken(run: Run, ctx: Context, call: str) -> None:
    there = ctx.Barrier(4)

    async def main(actx: aio.Context) -> None:
        here = actx.Barrier(4, name=there.name)
        task = asyncio.create_task(here.wait())
        thread = asyncio.create_task(asyncio.to_thread(there.wait))
        await waiting(here, 2)
        assert await here.n_waiting == 2
        if call == "timeout":
            with pytest.raises(aio.BrokenBarrierError):
                await here.wait(0.01)
        else:
            await getattr(here, call)()
        reason = "longer than its timeout" if call == "timeout" else rf"called {call}\(\)"
        for party in (task, thread):
            with pytest.raises(BlockingError, match=reason):
                await party
        assert isinstance(task.exception(), getattr(asyncio, "BrokenBarrierError", RuntimeError))
        assert await here.broken is (call != "reset")
        await here.reset()
        assert not await here.broken

    run(main)


def test_cancelled_party_leaves_and_another_takes_its_place(run: Run) -> None:
    """As asyncio's documentation has it: the barrier is not broken."""

    async def main(ctx: aio.Context) -> None:
        barrier = ctx.Barrier(3)
        first, second = await arrive(barrier), await arrive(barrier)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await waiting(barrier, 1)
        others = [asyncio.create_task(barrier.wait(TIMEOUT)) for _ in range(2)]
        assert sorted(await asyncio.gather(second, *others)) == [0, 1, 2]

    async def arrive(barrier: aio.Barrier) -> asyncio.Task[int]:
        count = await barrier.n_waiting
        task = asyncio.create_task(barrier.wait(TIMEOUT))
        await waiting(barrier, count + 1)
        return task

    run(main)


def test_barrier_of_another_number_of_parties_or_with_an_action_is_refused(run: Run, ctx: Context) -> None:
    async def main(actx: aio.Context) -> None:
        for parties in (0, "2", 1.5):
            with pytest.raises(ValueError, match="number of parties"):
                actx.Barrier(parties)  # type: ignore[arg-type]
        there = ctx.Barrier(2)
        assert there.n_waiting == 0
        other = actx.Barrier(3, name=there.name)
        with pytest.raises(MismatchError):
            await other.open()
        with pytest.raises(UnsupportedError, match="action"):
            aio.Barrier.of(ctx.Barrier(2, action=print))

    run(main)
