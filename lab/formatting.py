"""How figures are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Figure: TypeAlias = "int | float | bool | str | None"  # a count, seconds, yes or no, a word, nothing
NAMED = 8  # as many are called by name


def figure(value: Figure) -> str:
    """Return a figure as it stands in a table."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return seconds(value) if value is None or isinstance(value, float) else str(value)


def counted(names: Sequence[str]) -> str:
    """Return how many there are and, if there are several, who, each on a line of its own."""
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return "\n".join([str(len(names)), *(names[:NAMED] if len(names) > 1 else []), *more])


def seconds(value: float | None) -> str:
    """Return a length of time with its unit and three digits; a dash for none."""
    if value is None:
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(value) >= size:
            return f"{value / size:.{_places(abs(value) / size)}f} {unit}"
    return f"{value / 1e-6:.0f} µs"


def age(value: float) -> str:
    """Return a length of time in whole seconds, minutes, hours or days: the largest of which there are two."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if value >= 2 * size:
            return f"{value // size:.0f} {unit}"
    return f"{value:.0f} s"


def _places(value: float) -> int:
    return 2 if value < 10 else 1 if value < 100 else 0
