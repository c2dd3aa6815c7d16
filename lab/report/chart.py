"""The picture: how many were inside, and how many waited, over time, one strip per run on one time scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from rich.text import Text

from lab.checks.metrics import Step, begin, highest
from lab.result import Result, labels

BLOCKS = "▁▂▃▄▅▆▇█"
NOBODY = "·"
TOO_MANY = "^"


def draw(results: Sequence[Result], width: int) -> Text:
    """Return the strips of all runs, `width` columns wide."""
    names = labels(results)
    margin = max(map(len, names)) + 2
    columns = max(10, width - margin)
    scale = max(result.elapsed for result in results) or 1.0
    picture = Text(no_wrap=True)
    for title, strips, limit in (
        ("inside", [result.inside for result in results], results[0].exercise.limit),
        ("waiting", [result.waiting for result in results], None),
    ):
        full = max(map(highest, strips))
        if not full:
            continue
        picture.append(_legend(title, full, limit), style="bold")
        for name, result, steps in zip(names, results, strips, strict=True):
            counts = _columns(steps, begin(result.trace), result.elapsed, scale, columns)
            _append_strip(picture, name.ljust(margin), counts, full, limit)
    picture.append(" " * margin + _axis(scale, columns))
    return picture


def _legend(title: str, full: int, limit: int | None) -> str:
    legend = f"{title} ({BLOCKS[-1]} = {full}, {NOBODY} = nobody"
    if limit is not None and full > limit:
        legend += f", red and {TOO_MANY} = more than {limit}"
    return legend + ")\n"


def _columns(steps: Sequence[Step], start: float, elapsed: float, scale: float, columns: int) -> list[int]:
    """Return the largest number in each column's stretch of time."""
    used = min(columns, max(1, math.ceil(elapsed / scale * columns)))
    counts = [0] * used
    before, at = 0, 0
    for when, count in steps:
        column = min(used - 1, max(at, int((when - start) / scale * columns)))
        for passed in range(at + 1, column + 1):
            counts[passed] = before
        counts[column] = max(counts[column], count)
        before, at = count, column
    counts[at + 1 :] = [before] * (used - at - 1)
    return counts


def _append_strip(picture: Text, label: str, counts: Sequence[int], full: int, limit: int | None) -> None:
    over = [limit is not None and count > limit for count in counts]
    picture.append(label)
    calm = "green" if limit else "yellow"
    for too_many, stretch in groupby(zip(over, counts, strict=True), key=itemgetter(0)):
        blocks = "".join(_block(count, full) for _, count in stretch)
        picture.append(blocks, style="red" if too_many else calm)
    picture.append("\n")
    if any(over):
        marks = "".join(TOO_MANY if too_many else " " for too_many in over)
        picture.append(" " * len(label) + marks.rstrip() + "\n", style="red")


def _block(count: int, full: int) -> str:
    return BLOCKS[math.ceil(count / full * len(BLOCKS)) - 1] if count > 0 else NOBODY


def _axis(scale: float, columns: int) -> str:
    start, end = "0 s ", f" {scale:.2f} s"
    return start + "─" * (columns - len(start) - len(end)) + end
