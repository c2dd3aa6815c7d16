"""The line of source that an event comes from: the innermost one of an exercise or a program."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path

EXERCISES = Path(__file__).parents[1] / "exercises"


def source_line(name_of: Callable[[str], str | None]) -> str | None:
    """Return the innermost line of the callers' source, as `ktv.py:12`.

    `name_of` returns how a file is called, or None if its lines do not count. If none does, the result is None.
    """
    frame = sys._getframe(1)
    while frame is not None:
        name = name_of(frame.f_code.co_filename)
        if name is not None:
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return None


@functools.cache
def exercise_name(file: str) -> str | None:
    """Return the name of an exercise's file; None for any other."""
    path = Path(file)
    return path.name if path.parent == EXERCISES else None
