"""Several processes that take a lock in turns: who gets it, how often, and what the server has to do for it."""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableSequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier
from typing import Any

from bench.contestants import Contestant
from bench.crew import CONTEXT, crew

HOLD = 0.002  # seconds that each holds the lock


@dataclass(frozen=True)
class Tally:
    """What every competitor has had so far, updated while they compete."""

    acquired: MutableSequence[int]
    held: MutableSequence[float]  # seconds


@contextmanager
def competition(contestant: Contestant, processes: int, threads: int = 1) -> Iterator[Tally]:
    """Let that many competitors take the lock again and again until the end of the `with`; yield their tally."""
    size = processes * threads
    tally = Tally(CONTEXT.RawArray("q", size), CONTEXT.RawArray("d", size))
    stopped = CONTEXT.RawValue("b", 0)
    with crew(processes, threads, _compete, contestant, tally, stopped) as barrier:
        barrier.wait()
        try:
            yield tally
        finally:
            stopped.value = 1


def _compete(index: int, barrier: Barrier, contestant: Contestant, tally: Tally, stopped: Any) -> None:
    lock = contestant.connect()
    lock.acquire()  # once before it counts: connections are made, scripts are loaded
    lock.release()
    barrier.wait()
    while not stopped.value:
        lock.acquire()
        tally.acquired[index] += 1
        since = time.monotonic()
        if not stopped.value:
            time.sleep(HOLD)
        tally.held[index] += time.monotonic() - since
        lock.release()
