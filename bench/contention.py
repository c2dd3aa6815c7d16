"""Several processes that compete for a lock: who gets it, how often, and what the server does for it."""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableSequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier
from typing import Any

from bench.implementations import Implementation
from bench.workers import CONTEXT, start_workers

HOLD = 0.002  # seconds for which each holds the lock


@dataclass(frozen=True)
class Counters:
    """What each thread has had so far, updated while the threads compete."""

    acquired: MutableSequence[int]
    held: MutableSequence[float]  # seconds


@contextmanager
def contention(implementation: Implementation, processes: int, threads: int = 1) -> Iterator[Counters]:
    """Let so many threads acquire and release the lock during the block; yield their counters."""
    size = processes * threads
    counters = Counters(CONTEXT.RawArray("q", size), CONTEXT.RawArray("d", size))
    stopped = CONTEXT.RawValue("b", 0)
    with start_workers(processes, threads, _compete, implementation, counters, stopped) as barrier:
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
