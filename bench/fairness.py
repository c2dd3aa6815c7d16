"""Eight processes that each hold a lock for 2 ms, over and over: is each served alike, is the lock well used."""

from __future__ import annotations

import time

from rich.table import Table

from bench.contention import competition
from bench.contestants import locks
from bench.figures import Measurement, Rows, Target
from bench.server import Server

PROCESSES = 8
SECONDS, QUICK_SECONDS = 5.0, 1.0
FAIR = 0.99  # Jain's index from which on a lock counts as fair


def measure(server: Server, quick: bool) -> Rows:
    """Let the processes compete for one lock after the other."""
    rows: Rows = {}
    for contestant in locks(server.url):
        with competition(contestant, PROCESSES) as tally:
            time.sleep(0.2)
            start, acquired, held = time.monotonic(), list(tally.acquired), sum(tally.held)
            time.sleep(QUICK_SECONDS if quick else SECONDS)
            elapsed = time.monotonic() - start
            gained = [now - before for now, before in zip(tally.acquired, acquired, strict=True)]
            held = sum(tally.held) - held
        rows[contestant.name] = {
            "jain": jain(gained),
            "held": held / elapsed,
            "per_second": sum(gained) / elapsed,
            "acquired": gained,
        }
    return rows


def jain(shares: list[int]) -> float:
    """Return Jain's fairness index: 1 if all shares are alike, 1/n if one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares)) if any(shares) else 0.0


def table(rows: Rows) -> Table:
    """Return fairness, use and throughput."""
    result = Table("", "Jain's index", "held", "held, x broker", "acquired per s", "least - most")
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
    """Return what is promised; multiprocessing's lock asks no server and is no peer in this."""
    others = [row["held"] for name, row in rows.items() if name not in ("broker", "multiprocessing") and _fair(row)]
    return [
        Target("8 processes: Jain's index", rows["broker"]["jain"], FAIR, at_least=True),
        Target("8 processes: held, against the best fair peer", rows["broker"]["held"], max(others, default=0), True),
    ]


def _fair(row: dict[str, float]) -> bool:
    return row["jain"] >= FAIR


FAIRNESS = Measurement("Eight processes, 2 ms held", measure, table, targets)
