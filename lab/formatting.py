"""How figures are formatted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

OutcomeValue: TypeAlias = "int | float | bool | str | None"  # a count, seconds, yes or no, a word, no value
MAX_NAMES = 8  # names that are listed


def format_value(value: OutcomeValue) -> str:
    """Return a value of an outcome as a table shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_seconds(value) if value is None or isinstance(value, float) else str(value)


def format_values(values: Sequence[Any], format_one: Callable[[Any], str] = format_value) -> str:
    """Return the median of sorted values and, below it, their range if it shows a difference; a dash for none."""
    if not values:
        return "-"
    median, first, last = (format_one(each) for each in (values[(len(values) - 1) // 2], values[0], values[-1]))
    return median if first == last else f"{median}\n{first} to {last}"


def format_repeats(count: int) -> str:
    """Return of how many runs figures are; 0 if nothing was repeated."""
    if not count:
        return "Each column is one run; figures differ from run to run. --repeat N shows by how much."
    return f"Each column shows the median of {count} runs, and their range."


def format_names(names: Sequence[str]) -> str:
    """Return the number of names and, if there are several, the names, one per line."""
    more = [f"and {len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else []
    return "\n".join([str(len(names)), *(names[:MAX_NAMES] if len(names) > 1 else []), *more])


def join_names(names: Sequence[str]) -> str:
    """Return names for a sentence, as in `a, b and c`; of many, the first and how many more there are."""
    more = [f"{len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else []
    *first, last = [*names[:MAX_NAMES], *more]
    return f"{', '.join(first)} and {last}" if first else last


def format_seconds(value: float | None) -> str:
    """Return a duration with its unit and three digits; a dash for None."""
    if value is None:
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(value) >= size:
            return f"{value / size:.{_decimals(abs(value) / size)}f} {unit}"
    return f"{value / 1e-6:.0f} µs"


def format_age(value: float) -> str:
    """Return a duration in whole seconds, minutes, hours or days: in the largest unit of which it has at least two."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if value >= 2 * size:
            return f"{value // size:.0f} {unit}"
    return f"{value:.0f} s"


def _decimals(value: float) -> int:
    return 2 if value < 10 else 1 if value < 100 else 0
