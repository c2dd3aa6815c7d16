"""Eight processes that hold a lock for 2 ms each, again and again: how fairly, and how well the lock is used."""

from __future__ import annotations

import time

from rich.table import Table

from bench.contention import contention
from bench.figures import Measurement, Rows, Target
from bench.implementations import locks
from bench.server import Server

PROCESSES = 8
SECONDS, QUICK_SECONDS = 5.0, 1.0
JAIN = 0.99  # the broker's lowest Jain's index
FAIR = 0.98  # that of the others which the broker is compared with


def measure(server: Server, quick: bool) -> Rows:
    """Let the processes compete for one lock after the other."""
    rows: Rows = {}
    for implementation in locks(server):
        with contention(implementation, PROCESSES) as counters:
            time.sleep(0.2)
            start, acquired, held = time.monotonic(), list(counters.acquired), sum(counters.held)
            time.sleep(QUICK_SECONDS if quick else SECONDS)
            elapsed = time.monotonic() - start
            gained = [now - before for now, before in zip(counters.acquired, acquired, strict=True)]
            held = sum(counters.held) - held
        rows[implementation.name] = {
            "jain": jain(gained),
            "held": held / elapsed,
            "per_second": sum(gained) / elapsed,
            "acquired": gained,
        }
    return rows


def jain(shares: list[int]) -> float:
    """Return Jain's fairness index: 1 if all shares are equal, 1/n if one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares)) if any(shares) else 0.0


def table(rows: Rows) -> Table:
    """Return fairness, use and throughput."""
    result = Table("", "Jain's index", "held", "held, x broker", "acquired per s", "min - max")
    for column in result.columns[1:]:
        column.justify = "right"
    for name, row in rows.items():
        result.add_row(
            name,
            f"{row['jain']:.4f}",
            f"{row['held']:.1%}",
            f"{row['held'] / rows['broker']['held']:.2f}",
            f"{row['per_second']:.0f}",
            f"{min(row['acquired'])} - {max(row['acquired'])}",
            style="bold" if name == "broker" else None,
        )
    return result


def targets(rows: Rows) -> list[Target]:
    """Return the targets; multiprocessing's lock needs no server, so it is not compared."""
    fair = [row["held"] for name, row in rows.items() if name not in ("broker", "multiprocessing") and _fair(row)]
    return [
        Target("8 processes: Jain's index", rows["broker"]["jain"], JAIN, at_least=True),
        Target(
            "8 processes: share of time held, and that of the best fair implementation",
            rows["broker"]["held"],
            max(fair, default=0),
            True,
        ),
    ]


def _fair(row: dict[str, float]) -> bool:
    return row["jain"] >= FAIR


FAIRNESS = Measurement("Eight processes, 2 ms held", measure, table, targets)
