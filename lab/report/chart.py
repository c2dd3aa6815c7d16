"""The chart: how many were inside and how many waited, over time; one strip per run, all on one time scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from gettext import gettext as _
from itertools import groupby
from operator import itemgetter

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from lab.checks.metrics import Step, maximum, start_time
from lab.language import N_
from lab.result import Result, column_labels

BLOCKS = "▁▂▃▄▅▆▇█"
NONE = "·"
TOO_MANY = "^"


def draw(results: Sequence[Result], width: int) -> Text:
    """Return the strips of all runs, `width` columns wide."""
    names = column_labels(results)
    margin = max(map(cell_len, names)) + 2
    columns = max(10, width - margin)
    scale = max(result.elapsed for result in results) or 1.0
    chart = Text(no_wrap=True)
    for title, strips, limit in (
        (N_("inside"), [result.inside for result in results], results[0].exercise.limit),
        (N_("waiting"), [result.waiting for result in results], None),
    ):
        top = max(map(maximum, strips))
        if not top:
            continue
        chart.append(_legend(_(title), top, limit) + "\n", style="bold")
        for name, result, steps in zip(names, results, strips, strict=True):
            counts = _columns(steps, start_time(result.trace), result.elapsed, scale, columns)
            _append_strip(chart, set_cell_size(name, margin), counts, top, limit)
    chart.append(" " * margin + _axis(scale, columns))
    return chart


def _legend(title: str, top: int, limit: int | None) -> str:
    signs = {"title": title, "full": BLOCKS[-1], "top": top, "none": NONE}
    if limit is None or top <= limit:
        return _("{title} ({full} = {top}, {none} = nobody)").format(**signs)
    legend = _("{title} ({full} = {top}, {none} = nobody, red and {mark} = more than {limit})")
    return legend.format(**signs, mark=TOO_MANY, limit=limit)


def _columns(steps: Sequence[Step], start: float, elapsed: float, scale: float, columns: int) -> list[int]:
    """Return the largest number in each column's period of time."""
    used = min(columns, max(1, math.ceil(elapsed / scale * columns)))
    counts = [0] * used
    last_count = last_column = 0
    for when, count in steps:
        column = min(used - 1, max(last_column, int((when - start) / scale * columns)))
        for passed in range(last_column + 1, column + 1):
            counts[passed] = last_count
        counts[column] = max(counts[column], count)
        last_count, last_column = count, column
    counts[last_column + 1 :] = [last_count] * (used - last_column - 1)
    return counts


def _append_strip(chart: Text, label: str, counts: Sequence[int], top: int, limit: int | None) -> None:
    over = [limit is not None and count > limit for count in counts]
    chart.append(label)
    normal = "green" if limit else "yellow"
    for too_many, group in groupby(zip(over, counts, strict=True), key=itemgetter(0)):
        blocks = "".join(_block(count, top) for _, count in group)
        chart.append(blocks, style="red" if too_many else normal)
    chart.append("\n")
    if any(over):
        marks = "".join(TOO_MANY if too_many else " " for too_many in over)
        chart.append(" " * cell_len(label) + marks.rstrip() + "\n", style="red")


def _block(count: int, top: int) -> str:
    return BLOCKS[math.ceil(count / top * len(BLOCKS)) - 1] if count > 0 else NONE


def _axis(scale: float, columns: int) -> str:
    start, end = "0 s ", f" {scale:.2f} s"
    return start + "─" * (columns - len(start) - len(end)) + end
