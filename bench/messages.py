"""What a contended acquisition asks of the server, with few waiters and with many.

A request is what a client sends; a command is that or what a script calls.
"""

from __future__ import annotations

import time

from rich.table import Table

from bench.contention import competition
from bench.contestants import Broker, Contestant, PythonRedisLock, RedisPy
from bench.figures import Measurement, Row, Rows, Target
from bench.server import Monitor, Server

CREWS = ((4, 1), (8, 8), (8, 64))  # processes x threads
SECONDS, QUICK_SECONDS = 2.5, 1.0
SETTLE = 0.5  # seconds until the queue is as long as it will be


def measure(server: Server, quick: bool) -> Rows:
    """Count what the server carries out while the waiters compete."""
    return {
        contestant.name: {
            str(processes * threads): _count(
                server, contestant, processes, threads, QUICK_SECONDS if quick else SECONDS
            )
            for processes, threads in CREWS
        }
        for contestant in (Broker(server.url, "Lock"), RedisPy(server.url), PythonRedisLock(server.url))
    }


def _count(server: Server, contestant: Contestant, processes: int, threads: int, seconds: float) -> Row:
    with competition(contestant, processes, threads) as tally:
        time.sleep(SETTLE)
        monitor, before = Monitor(server), sum(tally.acquired)
        time.sleep(seconds)
        traffic, after = monitor.stop(), sum(tally.acquired)
    acquired = max(after - before, 1)
    return {"requests": traffic.requests / acquired, "commands": traffic.commands / acquired, "acquired": acquired}


def table(rows: Rows) -> Table:
    """Return requests and commands per acquisition, a column per number of waiters."""
    waiters = list(rows["broker"])
    result = Table("per acquisition", "", *(f"{number} waiters" for number in waiters), "most : least")
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
    """Return by what the dearest acquisition exceeds the cheapest."""
    costs = [column[what] for column in row.values()]
    return float(max(costs) / min(costs))


def targets(rows: Rows) -> list[Target]:
    """Return what is promised: within 10 % of the middle, whatever the number of waiters."""
    return [
        Target(f"4, 64, 512 waiters: most : least {what}", spread(rows["broker"], what), 1.1 / 0.9)
        for what in ("requests", "commands")
    ]


MESSAGES = Measurement("Server load of a contended acquisition", measure, table, targets)
