"""The server's work for a contended acquisition, with few waiters and with many.

A request is what a client sends; commands are requests and what scripts call.

portalocker is left out: who waits asks all others each time, so its work grows with the square of the waiters.
"""

from __future__ import annotations

import time

from rich.table import Table

from bench.contention import contention
from bench.figures import Measurement, Row, Rows, Target
from bench.implementations import Broker, Implementation, PythonRedisLock, RedisFifoLock, RedisPy
from bench.server import Server

WORKERS = ((4, 1), (8, 8), (8, 64))  # processes x threads
SECONDS, QUICK_SECONDS = 2.0, 1.0
SETTLE = 1.5  # seconds until all waiters are connected and in the queue
IMPLEMENTATIONS = (PythonRedisLock, RedisPy, RedisFifoLock)  # besides the broker
REQUESTS, COMMANDS = 2.1, 12  # at most, per acquisition


def measure(server: Server, quick: bool) -> Rows:
    """Count requests and commands while the waiters compete."""
    return {
        implementation.name: {
            str(processes * threads): _count(
                server, implementation, processes, threads, QUICK_SECONDS if quick else SECONDS
            )
            for processes, threads in WORKERS
        }
        for implementation in (Broker(server.url, "Lock"), *(make(server.url) for make in IMPLEMENTATIONS))
    }


def _count(server: Server, implementation: Implementation, processes: int, threads: int, seconds: float) -> Row:
    with contention(implementation, processes, threads) as counters:
        time.sleep(SETTLE)
        earlier, before = server.traffic(), sum(counters.acquired)
        time.sleep(seconds)
        traffic, after = server.traffic().since(earlier), sum(counters.acquired)
    acquired = max(after - before, 1)
    return {"requests": traffic.requests / acquired, "commands": traffic.commands / acquired, "acquired": acquired}


def table(rows: Rows) -> Table:
    """Return requests and commands per acquisition, a column per number of waiters."""
    waiters = list(rows["broker"])
    result = Table("per acquisition", "", *(f"{number} waiters" for number in waiters), "max : min")
    for column in result.columns[2:]:
        column.justify = "right"
    for name, row in rows.items():
        for what in ("requests", "commands"):
            result.add_row(
                name,
                what,
                *(f"{row[number][what]:.2f}" for number in waiters),
                f"{spread(row, what):.2f}",
                style="bold" if name == "broker" else None,
            )
    return result


def spread(row: Row, what: str) -> float:
    """Return the ratio of the most expensive acquisition to the cheapest."""
    costs = [column[what] for column in row.values()]
    return float(max(costs) / min(costs))


def targets(rows: Rows) -> list[Target]:
    """Return the targets: few requests and commands, and within 10 % of the middle, whatever the number of waiters."""
    row = rows["broker"]
    return [
        *(
            Target(f"{waiters} waiters: {what}", column[what], bound)
            for waiters, column in row.items()
            for what, bound in (("requests", REQUESTS), ("commands", COMMANDS))
        ),
        *(
            Target(f"4, 64, 512 waiters: max : min {what}", spread(row, what), 1.1 / 0.9)
            for what in ("requests", "commands")
        ),
    ]


MESSAGES = Measurement("Server load of a contended acquisition", measure, table, targets)
