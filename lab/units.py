"""How figures are written."""

from __future__ import annotations


def seconds(value: float | None) -> str:
    """Return a length of time with its unit and three digits; a dash for none."""
    if value is None:
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(value) >= size:
            return f"{value / size:.{_places(abs(value) / size)}f} {unit}"
    return f"{value / 1e-6:.0f} µs"


def _places(value: float) -> int:
    return 2 if value < 10 else 1 if value < 100 else 0
