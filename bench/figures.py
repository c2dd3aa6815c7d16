"""Figures: medians of samples, targets, and the tables they are printed in."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from bench.server import Server

Row = dict[str, Any]  # column -> figure; what goes into the JSON file
Rows = dict[str, Row]  # implementation -> its row


@dataclass(frozen=True)
class Target:
    """A target, and whether this run met it."""

    what: str
    figure: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side of the bound."""
        return self.figure >= self.bound if self.at_least else self.figure <= self.bound


@dataclass(frozen=True)
class Measurement:
    """A measurement of several implementations in turn."""

    title: str
    measure: Callable[[Server, bool], Rows]  # the flag asks for fewer rounds
    table: Callable[[Rows], Table]
    targets: Callable[[Rows], list[Target]]


def summary(microseconds: Sequence[float]) -> Row:
    """Return the median of samples, their quartiles, and the samples."""
    low, median, high = statistics.quantiles(microseconds, n=4)
    return {"median": median, "low": low, "high": high, "samples": [round(sample, 1) for sample in microseconds]}


def ratio(rows: Rows, one: str, other: str) -> float:
    """Return how many times the median of `other` the median of `one` is."""
    return float(rows[one]["median"] / rows[other]["median"])


def time_table(rows: Rows, limit: str, extra: dict[str, str] | None = None) -> Table:
    """Return a table of medians, of their ratios to `limit`, and of the broker's ratio to each.

    `extra` names further columns: key in the row -> heading.
    """
    extra = extra or {}
    table = Table("", "median µs", "quartiles", f"x {limit}", "broker is", *extra.values())
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in rows.items():
        table.add_row(
            name,
            f"{row['median']:,.1f}",
            f"{row['low']:,.1f} - {row['high']:,.1f}",
            f"{ratio(rows, name, limit):.2f}",
            f"{ratio(rows, 'broker', name):.2f} of it",
            *(f"{row[key]:g}" if key in row else "" for key in extra),
            style="bold" if name == "broker" else None,
        )
    return table
