"""Taking and giving back a lock that nobody else wants, client and server on one core.

On one core the code itself is compared: with two, most of the time would go into waking the other one.
"""

from __future__ import annotations

import os
import time
from collections.abc import MutableSequence, Sequence
from threading import Barrier

from rich.table import Table

from bench.contestants import Contestant, Lock, RawRoundTrips, locks
from bench.crew import CONTEXT, crew
from bench.figures import Measurement, Rows, Target, ratio, summary, time_table
from bench.server import Monitor, Server

ROUNDS, QUICK_ROUNDS = 40, 8
REPEATS = 100  # pairs of acquire and release in one sample
COUNTED = 20  # pairs whose messages are counted


def measure(server: Server, quick: bool) -> Rows:
    """Time every lock in turn, round after round, then count what each sends."""
    contestants = [RawRoundTrips(server.url), *locks(server.url)]
    rounds = QUICK_ROUNDS if quick else ROUNDS
    samples = CONTEXT.RawArray("d", rounds * len(contestants))
    core = max(os.sched_getaffinity(0))
    with server.pinned(core), crew(1, 1, _run, contestants, core, rounds, samples) as barrier:
        barrier.wait()
    rows = {}
    for number, contestant in enumerate(contestants):
        rows[contestant.name] = summary(samples[number :: len(contestants)])
        rows[contestant.name]["messages"] = _count(server, contestant)
    return rows


def _run(
    _: int,
    barrier: Barrier,
    contestants: Sequence[Contestant],
    core: int,
    rounds: int,
    samples: MutableSequence[float],
) -> None:
    barrier.wait()
    os.sched_setaffinity(0, {core})
    connected: list[Lock] = [contestant.connect() for contestant in contestants]
    for lock in connected:
        _time(lock)
    for number in range(rounds):
        for place, lock in enumerate(connected):
            samples[number * len(connected) + place] = _time(lock)


def _time(lock: Lock) -> float:
    started = time.perf_counter()
    for _ in range(REPEATS):
        lock.acquire()
        lock.release()
    return (time.perf_counter() - started) / REPEATS * 1e6


def _count(server: Server, contestant: Contestant) -> float:
    lock: Lock = contestant.connect()
    lock.acquire()
    lock.release()
    monitor = Monitor(server)
    for _ in range(COUNTED):
        lock.acquire()
        lock.release()
    return monitor.stop().requests / COUNTED


def table(rows: Rows) -> Table:
    """Return the times as ratios, and the messages."""
    return time_table(rows, RawRoundTrips.name, {"messages": "messages"})


def targets(rows: Rows) -> list[Target]:
    """Return what is promised of an uncontended lock."""
    return [
        Target("uncontended: messages", rows["broker"]["messages"], 2),
        Target("uncontended: x redis-py", ratio(rows, "broker", "redis-py"), 0.45),
        Target("uncontended: x two raw round trips", ratio(rows, "broker", RawRoundTrips.name), 1.8),
    ]


UNCONTENDED = Measurement("Uncontended acquire + release, on one core", measure, table, targets)
