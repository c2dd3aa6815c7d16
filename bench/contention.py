"""Several processes that compete for a lock: who gets it, how often, and what the server does for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, MutableSequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier
from typing import Any

from bench.asyncio_lock import Lock as LockOfTasks
from bench.implementations import AsyncioImplementation, Implementation
from bench.workers import CONTEXT, start_workers

HOLD = 0.002  # seconds for which each holds the lock


@dataclass(frozen=True)
class Counters:
    """What each thread has had so far, updated while the threads compete."""

    acquired: MutableSequence[int]
    held: MutableSequence[float]  # seconds


@contextmanager
def contention(implementation: Implementation, processes: int, threads: int = 1) -> Iterator[Counters]:
    """Let so many threads acquire and release the lock during the block; yield their counters.

    Where the lock is asyncio's, each process has one thread, with that many tasks.
    """
    size = processes * threads
    counters = Counters(CONTEXT.RawArray("q", size), CONTEXT.RawArray("d", size))
    stopped = CONTEXT.RawValue("b", 0)
    if isinstance(implementation, AsyncioImplementation):
        workers = start_workers(processes, 1, _compete_in_tasks, implementation, counters, stopped, threads)
    else:
        workers = start_workers(processes, threads, _compete, implementation, counters, stopped)
    with workers as barrier:
        barrier.wait()
        try:
            yield counters
        finally:
            stopped.value = 1


def _compete(index: int, barrier: Barrier, implementation: Implementation, counters: Counters, stopped: Any) -> None:
    lock = implementation.connect()
    lock.acquire()  # warm-up: it opens connections and loads scripts
    lock.release()
    barrier.wait()
    while not stopped.value:
        lock.acquire()
        counters.acquired[index] += 1
        since = time.monotonic()
        if not stopped.value:
            time.sleep(HOLD)
        counters.held[index] += time.monotonic() - since
        lock.release()


def _compete_in_tasks(
    rank: int,
    barrier: Barrier,
    implementation: AsyncioImplementation,
    counters: Counters,
    stopped: Any,
    tasks: int,
) -> None:
    async def compete(number: int, lock: LockOfTasks) -> None:
        index = rank * tasks + number
        while not stopped.value:
            lease = await lock.acquire()
            counters.acquired[index] += 1
            since = time.monotonic()
            if not stopped.value:
                await asyncio.sleep(HOLD)
            counters.held[index] += time.monotonic() - since
            await lock.release(lease)

    lock = implementation.connect()
    lock.acquire()
    lock.release()
    barrier.wait()
    lock.run_tasks(tasks, compete)
