"""The cost of a task in a pool of processes: `map` of a function that does nothing."""

from __future__ import annotations

import multiprocessing
import time
from typing import Any

from rich.table import Table

import jobs
from bench.figures import Measurement, Row, Rows, Target, ratio, summary
from bench.server import Server

QUEUE = "bench"
PROCESSES = 4
ROUNDS, QUICK_ROUNDS = 20, 6
WARM_UP = 200  # tasks
WORKLOADS = {"chunksize 1": (2_000, 1), "default chunks": (10_000, None)}  # tasks, chunksize
RATE = 12_000  # tasks per second at least, with chunksize 1
SHARE = 0.5  # of multiprocessing's rate at least, with default chunks


def do_nothing(number: int) -> None:
    """Be a task."""


def measure(server: Server, quick: bool) -> Rows:
    """Time `map` of a pool of jobs and of multiprocessing's, in turn, round after round."""
    samples: dict[str, list[float]] = {}
    with (
        multiprocessing.get_context("fork").Pool(PROCESSES) as local,
        jobs.Workers(server.url, QUEUE, PROCESSES),
        jobs.get_context(server.url, queue=QUEUE) as context,
        context.Pool(PROCESSES) as pool,
    ):
        pools = {"jobs": pool, "multiprocessing": local}
        for each in pools.values():
            each.map(do_nothing, range(WARM_UP), chunksize=1)
        for _ in range(QUICK_ROUNDS if quick else ROUNDS):
            for workload, (tasks, chunksize) in WORKLOADS.items():
                for name, each in pools.items():
                    samples.setdefault(f"{name}, {workload}", []).append(_time(each, tasks, chunksize))
    return {name: summary(times) for name, times in samples.items()}


def _time(pool: Any, tasks: int, chunksize: int | None) -> float:
    started = time.perf_counter()
    pool.map(do_nothing, range(tasks), chunksize)
    return (time.perf_counter() - started) / tasks * 1e6


def table(rows: Rows) -> Table:
    """Return the time and the rate of tasks."""
    result = Table("", "µs per task", "quartiles", "tasks per second", "x multiprocessing's rate")
    for column in result.columns[1:]:
        column.justify = "right"
    for name, row in rows.items():
        peer = name.replace("jobs", "multiprocessing")
        result.add_row(
            name,
            f"{row['median']:,.2f}",
            f"{row['low']:,.2f} - {row['high']:,.2f}",
            f"{_rate(row):,.0f}",
            f"{ratio(rows, peer, name):.3f}" if peer != name else "",
            style=None if peer == name else "bold",
        )
    return result


def _rate(row: Row) -> float:
    return float(1e6 / row["median"])


def targets(rows: Rows) -> list[Target]:
    """Return the targets: the rate of single tasks, and the share of multiprocessing's rate in chunks."""
    share = ratio(rows, "multiprocessing, default chunks", "jobs, default chunks")
    return [
        Target("pool: tasks per second, chunksize 1", _rate(rows["jobs, chunksize 1"]), RATE, at_least=True),
        Target("pool: x multiprocessing's rate, default chunks", share, SHARE, at_least=True),
    ]


POOL = Measurement("An empty task of a pool of four processes", measure, table, targets)
