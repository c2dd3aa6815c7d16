"""An asyncio lock as the benchmark drives it: in one loop, with the moments taken inside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from bench.asyncio_lock import AsyncioLock, Lock


class Recorder:
    """A lock that is always free; it records its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.loops: set[asyncio.AbstractEventLoop] = set()
        self.granted_at = self.released_at = 0

    async def acquire(self) -> int:
        self.loops.add(asyncio.get_running_loop())
        lease = len(self.calls)
        self.calls.append(("acquire", lease))
        self.granted_at = time.monotonic_ns()
        return lease

    async def release(self, lease: int) -> None:
        self.loops.add(asyncio.get_running_loop())
        self.released_at = time.monotonic_ns()
        self.calls.append(("release", lease))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def lock(recorder: Recorder) -> Iterator[AsyncioLock]:
    opened = AsyncioLock(lambda: recorder)
    yield opened
    opened._loop.close()


def test_a_release_gets_the_lease_that_acquire_returned(recorder: Recorder, lock: AsyncioLock) -> None:
    lock.acquire()
    lock.release()
    lock.repeat(2)
    assert recorder.calls == [(call, lease) for lease in (0, 2, 4) for call in ("acquire", "release")]


def test_the_moments_enclose_the_hand_off(recorder: Recorder, lock: AsyncioLock) -> None:
    assert lock.acquire() >= recorder.granted_at
    assert lock.release() <= recorder.released_at


def test_all_tasks_share_the_loop_and_the_lock(recorder: Recorder, lock: AsyncioLock) -> None:
    seen = []

    async def work(index: int, shared: Lock) -> None:
        seen.append((index, shared))
        await shared.release(await shared.acquire())

    lock.run_tasks(3, work)
    lock.repeat(1)
    assert seen == [(index, recorder) for index in range(3)]
    assert len(recorder.loops) == 1
