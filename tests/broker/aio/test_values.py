"""Values and arrays of tasks are those of threads: the same bytes under the same lock."""

from __future__ import annotations

import asyncio
import ctypes
import pickle
import uuid
from typing import Any

import pytest
import redis

import broker
from broker import Context, DataLostError, LeaseLostError, MismatchError, UnsupportedError, aio
from tests.broker.aio.conftest import Run
from tests.support.aio import waiting


class Point(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int32), ("y", ctypes.c_int32))


def test_value_is_that_of_threads_under_one_lock(run: Run, ctx: Context) -> None:
    name = uuid.uuid4().hex
    there = ctx.Value("i", 5, name=name)

    async def main(actx: aio.Context) -> None:
        here = actx.Value("i", 7, name=name)
        assert await here.get() == 5
        await here.set(2**31)
        assert there.value == -(2**31)
        there.value = 1
        assert await here.add(2) == 3
        async with here.get_lock():
            reading = asyncio.create_task(asyncio.to_thread(lambda: there.value))
            other = asyncio.create_task(here.add(10))
            await waiting(here.get_lock(), 2)
            await here.set(await here.get() + 1)
        assert sorted([await reading, await other]) in ([4, 14], [14, 14])
        assert await here.get() == 14
        await here.delete()
        with pytest.raises(DataLostError):
            await here.get()

    run(main)


def test_array_is_read_and_written_in_slices(run: Run) -> None:
    async def main(ctx: aio.Context) -> None:
        array = ctx.Array(ctypes.c_double, range(6), lock=False)
        assert len(array) == 6
        assert await array.get() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        await array.set(slice(4, 0, -2), [40, 20])
        await array.set(-1, 50)
        assert await array.get(slice(None, None, -1)) == [50.0, 40.0, 3.0, 20.0, 1.0, 0.0]
        assert await array.get(2) == 20.0
        assert await array.get(slice(3, 3)) == []
        for index in (6, -7):
            with pytest.raises(IndexError):
                await array.get(index)
        with pytest.raises((ValueError, TypeError)):
            await array.set(slice(0, 2), [1, 2, 3])
        text = ctx.Array("c", b"abc")
        assert await text.get() == b"abc"

    run(main)


def test_structure_and_types(run: Run, ctx: Context) -> None:
    async def main(actx: aio.Context) -> None:
        point = actx.Value(Point, 1, 2)
        read = await point.get()
        assert (read.x, read.y) == (1, 2)
        await point.set(Point(3, 4))
        assert point.blocking.y == 4
        with pytest.raises(TypeError, match="Point"):
            await point.set(3)
        with pytest.raises(UnsupportedError, match="elements"):
            actx.Array(Point, 2)
        with pytest.raises(UnsupportedError, match="RLock"):
            actx.Value("i", lock=ctx.RLock())  # type: ignore[arg-type]
        there = ctx.Value("d", 0.5, name=uuid.uuid4().hex)
        with pytest.raises(MismatchError, match="float64"):
            await actx.Value("i", name=there.name).open()
        there.delete()

    run(main)


@pytest.mark.parametrize("lock", [True, False])
def test_handles_travel(run: Run, ctx: Context, lock: Any) -> None:
    there = ctx.Array("i", 3, lock=lock)
    here = aio.Array.of(there)
    assert here.name == there.name
    with pytest.raises(TypeError):
        aio.Value.of(there)

    async def main(actx: aio.Context) -> None:
        await pickle.loads(pickle.dumps(here)).set(1, 5)
        assert here.blocking[:] == [0, 5, 0]
        value = actx.Value("i")
        with pytest.raises(UnsupportedError, match="open"):
            pickle.dumps(value)
        await value.open()
        assert await pickle.loads(pickle.dumps(value)).add(1) == 1
        assert type(value.blocking) is type(ctx.Value("i"))

    run(main)


def test_holder_that_has_lost_its_lease_writes_nothing(run: Run, client: redis.Redis) -> None:
    async def main(ctx: aio.Context) -> None:
        total = ctx.Value("i", 1)
        lock = total.get_lock()
        await lock.acquire()
        assert await total.add(1) == 2
        client.delete(*lock.blocking._keys)
        with pytest.raises(LeaseLostError):
            await total.set(9)
        with pytest.raises(LeaseLostError):
            await lock.release()
        assert await total.get() == 2

    run(main)


def test_public_class_has_no_lock_without_one(ctx: Context) -> None:
    assert broker.Context is type(ctx)
    with pytest.raises(AttributeError):
        aio.Context(ctx.url).Value("i", lock=False).get_lock()
