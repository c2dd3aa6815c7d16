"""Distributions of times, one for each run, on one logarithmic axis."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.checks.metrics import fairness, percentile
from lab.formatting import format_seconds

SHORTEST = 1e-6  # seconds: the clock tells no more
BARS_PER_DECADE = 6


@dataclass(frozen=True)
class Point:
    """A place on the axis, from 0 to 1, and its label."""

    place: float
    label: str


@dataclass(frozen=True)
class Distribution:
    """The times of one run: the heights of its bars, from 0 to 1, and what is marked on the axis."""

    label: str
    count: int
    bars: list[float]
    median: Point
    p99: Point
    jain: str


@dataclass(frozen=True)
class Plot:
    """Distributions side by side, on one axis."""

    title: str
    ticks: list[Point]
    distributions: list[Distribution]


def plot(title: str, times: Mapping[str, Sequence[float]]) -> Plot:
    """Return the distributions of times in seconds, by run; runs without any are left out."""
    given = {label: values for label, values in times.items() if values}
    logarithms = [_logarithm(value) for values in given.values() for value in values]
    first = math.floor(min(logarithms, default=0.0))
    decades = max(1, math.floor(max(logarithms, default=0.0)) + 1 - first)
    ticks = [Point(step / decades, _tick(first + step)) for step in range(decades + 1)]
    return Plot(title, ticks, [_distribution(label, values, first, decades) for label, values in given.items()])


def _distribution(label: str, values: Sequence[float], first: int, decades: int) -> Distribution:
    def point(value: float) -> Point:
        return Point((_logarithm(value) - first) / decades, format_seconds(value))

    size = decades * BARS_PER_DECADE
    counts = Counter(min(size - 1, int(point(value).place * size)) for value in values)
    highest, index = max(counts.values()), fairness(values)
    return Distribution(
        label=label,
        count=len(values),
        bars=[counts[number] / highest for number in range(size)],
        median=point(percentile(values, 0.5)),
        p99=point(percentile(values, 0.99)),
        jain="-" if index is None else f"{index:.2f}",
    )


def _logarithm(value: float) -> float:
    return math.log10(max(SHORTEST, value))


def _tick(exponent: int) -> str:
    for unit, size in (("s", 0), ("ms", -3)):
        if exponent >= size:
            return f"{10 ** (exponent - size)} {unit}"
    return f"{10 ** (exponent + 6)} µs"
