"""Acquire and release of a lock that nobody else wants, client and server on one core.

On one core the code itself is compared; with two, most of the time would be spent on waking the other core.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import MutableSequence, Sequence
from threading import Barrier

from rich.table import Table

from bench.asyncio_lock import AsyncioLock
from bench.figures import Measurement, Rows, Target, ratio, summary, time_table
from bench.implementations import (
    Broker,
    Implementation,
    Lock,
    Manager,
    RawRoundTrips,
    implementations_of,
    locks,
)
from bench.server import Server
from bench.workers import CONTEXT, start_workers

ROUNDS, QUICK_ROUNDS = 40, 8
REPEATS = 100  # pairs of acquire and release in one sample
SLOW = 0.01  # seconds for a pair, from which on a sample is one pair
PLAIN = "broker's Lock"
COUNTED = 20  # pairs whose messages are counted


def measure(server: Server, quick: bool) -> Rows:
    """Measure the locks of all implementations."""
    return _measure(server, quick, locks(server))


def measure_reentrant(server: Server, quick: bool) -> Rows:
    """Measure reentrant locks, and the broker's plain lock beside them."""
    return _measure(server, quick, [*implementations_of(server.url, "RLock"), Broker(server.url, "Lock", name=PLAIN)])


def _measure(server: Server, quick: bool, compared: Sequence[Implementation]) -> Rows:
    """Time the locks in turn, round after round, then count the messages of each."""
    implementations = [RawRoundTrips(server.url), *compared]
    rounds = QUICK_ROUNDS if quick else ROUNDS
    samples = CONTEXT.RawArray("d", rounds * len(implementations))
    core = max(os.sched_getaffinity(0))
    with server.pinned(core), start_workers(1, 1, _run, implementations, core, rounds, samples) as barrier:
        barrier.wait()
    rows = {}
    for number, implementation in enumerate(implementations):
        rows[implementation.name] = summary(samples[number :: len(implementations)])
        if not isinstance(implementation, Manager):  # it sends nothing to Redis
            rows[implementation.name]["messages"] = count_messages(server, implementation)
    return rows


def _run(
    _: int,
    barrier: Barrier,
    implementations: Sequence[Implementation],
    core: int,
    rounds: int,
    samples: MutableSequence[float],
) -> None:
    barrier.wait()
    os.sched_setaffinity(0, {core})
    connected: list[Lock] = [implementation.connect() for implementation in implementations]
    repeats = [_repeats(lock) for lock in connected]
    for number in range(rounds):
        for place, lock in enumerate(connected):
            samples[number * len(connected) + place] = _time(lock, repeats[place]) * 1e6


def _repeats(lock: Lock) -> int:
    _time(lock, 1)  # it opens connections and loads scripts
    if min(_time(lock, 1) for _ in range(3)) > SLOW:
        return 1
    _time(lock, REPEATS)
    return REPEATS


def _time(lock: Lock, pairs: int) -> float:
    started = time.perf_counter()
    if isinstance(lock, AsyncioLock):
        lock.repeat(pairs)
    else:
        for _ in range(pairs):
            lock.acquire()
            lock.release()
    return (time.perf_counter() - started) / pairs


def count_messages(server: Server, implementation: Implementation) -> float:
    """Return how many requests an acquire and release of the free lock send to Redis."""
    gc.collect()  # no connection of another lock is to end meanwhile
    lock: Lock = implementation.connect()
    lock.acquire()
    lock.release()
    before = server.traffic()
    for _ in range(COUNTED):
        lock.acquire()
        lock.release()
    return server.traffic().since(before).requests / COUNTED


def table(rows: Rows) -> Table:
    """Return the times as ratios, and the messages."""
    return time_table(rows, RawRoundTrips.name, {"messages": "messages"})


def targets(rows: Rows) -> list[Target]:
    """Return the targets for an uncontended lock."""
    return [
        Target("uncontended: messages", rows["broker"]["messages"], 2),
        Target("uncontended: x redis-py", ratio(rows, "broker", "redis-py"), 0.45),
        Target("uncontended: x two raw round trips", ratio(rows, "broker", RawRoundTrips.name), 1.8),
    ]


def reentrant_targets(rows: Rows) -> list[Target]:
    """Return the targets for an uncontended reentrant lock."""
    return [
        Target("reentrant: messages", rows["broker"]["messages"], 2),
        Target(f"reentrant: x {PLAIN}", ratio(rows, "broker", PLAIN), 1.1),
    ]


UNCONTENDED = Measurement("Uncontended acquire + release, on one core", measure, table, targets)
REENTRANT = Measurement("Acquire + release of an RLock, on one core", measure_reentrant, table, reentrant_targets)
