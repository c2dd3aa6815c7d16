"""Pairs of calls, as a put and a get: those of all implementations in turn, client and server on one core."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, MutableSequence, Sequence
from threading import Barrier
from typing import Any, TypeAlias

from rich.table import Table

from bench.figures import Rows, summary, time_table
from bench.implementations import Implementation, RawRoundTrips
from bench.server import Server
from bench.workers import CONTEXT, start_workers

ROUNDS, QUICK_ROUNDS = 40, 8
REPEATS = 100  # pairs in one sample

Pair: TypeAlias = Callable[[], object]


def pair_times(
    server: Server, quick: bool, implementations: Sequence[Implementation], make_pair: Callable[[Any], Pair]
) -> Rows:
    """Return the times of the pair that `make_pair` makes of each connected implementation, and of two round trips."""
    limit = RawRoundTrips(server.url)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    names = [limit.name, *(implementation.name for implementation in implementations)]
    samples = CONTEXT.RawArray("d", rounds * len(names))
    core = max(os.sched_getaffinity(0))
    arguments = (limit, implementations, make_pair, core, rounds, samples)
    with server.pinned(core), start_workers(1, 1, _run, *arguments) as barrier:
        barrier.wait()
    return {name: summary(samples[number :: len(names)]) for number, name in enumerate(names)}


def pairs_table(rows: Rows) -> Table:
    """Return the times as ratios."""
    return time_table(rows, RawRoundTrips.name)


def _run(
    _: int,
    barrier: Barrier,
    limit: RawRoundTrips,
    implementations: Sequence[Implementation],
    make_pair: Callable[[Any], Pair],
    core: int,
    rounds: int,
    samples: MutableSequence[float],
) -> None:
    barrier.wait()
    os.sched_setaffinity(0, {core})
    ping = limit.connect()
    pairs = [lambda: (ping.acquire(), ping.release()), *(make_pair(each.connect()) for each in implementations)]
    for pair in pairs:
        pair()
    for number in range(rounds):
        for place, pair in enumerate(pairs):
            started = time.perf_counter()
            for _ in range(REPEATS):
                pair()
            samples[number * len(pairs) + place] = (time.perf_counter() - started) / REPEATS * 1e6
