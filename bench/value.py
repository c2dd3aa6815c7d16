"""The cost of a shared value: one read and one write of it, with its lock, which nobody else wants."""

from __future__ import annotations

import os
import time
from collections.abc import MutableSequence, Sequence
from threading import Barrier
from typing import Any

from rich.table import Table

from bench.figures import Measurement, Rows, Target, ratio, summary, time_table
from bench.implementations import Broker, Implementation, Manager, RawRoundTrips, implementations_of
from bench.server import Server
from bench.workers import CONTEXT, start_workers

ROUNDS, QUICK_ROUNDS = 40, 8
REPEATS = 100  # pairs of a read and a write in one sample
ARGUMENTS = ("i", 5)


def values(server: Server) -> list[Implementation]:
    """Return new values of all implementations, on the servers of a run."""
    return [
        *implementations_of(server.url, "Value", *ARGUMENTS),
        Broker(server.url, "RawValue", *ARGUMENTS, name="broker's RawValue"),
        Manager(server, "Value", *ARGUMENTS),
    ]


def measure(server: Server, quick: bool) -> Rows:
    """Time the values in turn, round after round."""
    limit, implementations = RawRoundTrips(server.url), values(server)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    names = [limit.name, *(implementation.name for implementation in implementations)]
    samples = CONTEXT.RawArray("d", rounds * len(names))
    core = max(os.sched_getaffinity(0))
    arguments = (limit, implementations, core, rounds, samples)
    with server.pinned(core), start_workers(1, 1, _read_and_write, *arguments) as barrier:
        barrier.wait()
    return {name: summary(samples[number :: len(names)]) for number, name in enumerate(names)}


def _read_and_write(
    _: int,
    barrier: Barrier,
    limit: RawRoundTrips,
    implementations: Sequence[Implementation],
    core: int,
    rounds: int,
    samples: MutableSequence[float],
) -> None:
    barrier.wait()
    os.sched_setaffinity(0, {core})
    ping = limit.connect()
    pairs = [lambda: (ping.acquire(), ping.release()), *(_pair(each.connect()) for each in implementations)]
    for pair in pairs:
        pair()
    for number in range(rounds):
        for place, pair in enumerate(pairs):
            started = time.perf_counter()
            for _ in range(REPEATS):
                pair()
            samples[number * len(pairs) + place] = (time.perf_counter() - started) / REPEATS * 1e6


def _pair(shared: Any) -> Any:
    def read_and_write() -> None:
        shared.value = shared.value

    return read_and_write


def _table(rows: Rows) -> Table:
    return time_table(rows, RawRoundTrips.name)


def targets(rows: Rows) -> list[Target]:
    """Return the targets for a value."""
    return [Target("value: x two raw round trips", ratio(rows, "broker", RawRoundTrips.name), 1.8)]


VALUE = Measurement("Read and write of a value, on one core", measure, _table, targets)
