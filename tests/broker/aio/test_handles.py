"""Handles: what travels between tasks, threads and processes is a name."""

from __future__ import annotations

import asyncio
import pickle
import pydoc
from typing import Any

import pytest

import broker
from broker import Context, aio
from tests.broker.aio.conftest import Run

KINDS = {
    "Lock": (),
    "RLock": (),
    "Condition": (),
    "Barrier": (2,),
    "Semaphore": (),
    "BoundedSemaphore": (),
    "Event": (),
    "SimpleQueue": (),
    "Queue": (),
    "JoinableQueue": (),
}
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_handle_and_blocking_handle_are_one_primitive(ctx: Context, kind: str) -> None:
    there = getattr(ctx, kind)(*KINDS[kind])
    here = getattr(aio, kind).of(there)
    assert type(here) is getattr(aio, kind)
    assert here.name == there.name
    assert here.blocking is there
    assert repr(here) == f"<aio.{kind} {there.name!r}>"


@kinds
def test_handle_is_pickled(ctx: Context, kind: str) -> None:
    """Also when no loop runs; the blocking handle takes the same way."""
    handle = getattr(aio.Context(ctx.url), kind)(*KINDS[kind], name="pickled")
    pickled = pickle.dumps(handle)
    assert len(pickled) < 400
    copy = pickle.loads(pickled)
    assert type(copy) is type(handle)
    assert copy.name == "pickled"
    assert type(copy.blocking) is getattr(broker, kind)
    assert copy.blocking._options == handle.blocking._options
    twin = type(handle).of(pickle.loads(pickle.dumps(handle.blocking)))
    assert twin.name == "pickled"


@kinds
def test_class_has_help(kind: str) -> None:
    assert len(pydoc.plain(pydoc.render_doc(getattr(aio, kind))).splitlines()) > 20


def test_handle_of_another_kind_is_refused(ctx: Context) -> None:
    with pytest.raises(TypeError, match="Semaphore"):
        aio.Semaphore.of(ctx.Lock())  # type: ignore[arg-type]


def test_queue_of_a_subclass_keeps_how_it_stores_items(run: Run, ctx: Context) -> None:
    class Shouting(broker.Queue):
        def _dumps(self, obj: Any) -> bytes:
            return super()._dumps(str(obj).upper())

    async def main(actx: aio.Context) -> None:
        queue = aio.Queue.of(Shouting(context=ctx))
        await queue.put("hello")
        assert await queue.get() == "HELLO"

    run(main)


def test_bounded_semaphore_is_no_semaphore(ctx: Context) -> None:
    with pytest.raises(TypeError, match="a Semaphore of broker is needed"):
        aio.Semaphore.of(ctx.BoundedSemaphore())


def work(lock: broker.Lock, results: broker.Queue) -> None:
    """A process that gets blocking handles, and uses one of them in a loop of its own."""

    async def main() -> int | None:
        async with aio.Lock.of(lock) as _:
            return aio.Lock.of(lock).fence

    results.put(asyncio.run(main()))


def test_process_gets_the_handles_of_a_task(run: Run, ctx: Context) -> None:
    async def main(actx: aio.Context) -> None:
        lock, results = actx.Lock(), actx.Queue()
        async with lock:
            first = lock.fence
            process: Any = ctx.Process(target=work, args=(lock.blocking, results.blocking))
            process.start()
            while not await lock.waiters():
                await asyncio.sleep(0.01)
        second = await results.get()
        await asyncio.to_thread(process.join)
        assert first is not None
        assert first < second

    run(main)


def test_pickled_lock_is_not_held_by_its_copy_in_another_loop(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        lock = ctx.Lock()
        async with lock:
            assert pickle.loads(pickle.dumps(lock)).held  # the same loop: the same holdings
            assert not await asyncio.to_thread(lambda: asyncio.run(held_there(lock)))

    run(main)


async def held_there(lock: aio.Lock) -> bool:
    return lock.held
