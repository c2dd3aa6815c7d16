"""The chart of who is inside and who waits."""

from __future__ import annotations

import pytest

from lab.report.chart import draw
from tests.support.traces import TWO_BUYERS, judged_run, with_times_multiplied


def rows_of(chart: str, backend: str) -> list[str]:
    return [line[len("local  ") :] for line in chart.splitlines() if line.startswith(backend)]


QUEUE = """
0.00 lab starts_run
0.15 a requests
0.15 b requests
0.25 a enters
0.45 a leaves
0.75 b enters
0.95 b leaves
1.00 lab ends_run
"""


def test_chart_shows_who_is_inside_and_who_waits():
    inside, waiting = rows_of(draw([judged_run(QUEUE)], 17).plain, "local")
    assert inside == "··███··███"
    assert waiting == "·██▄▄▄▄▄··"


def test_chart_marks_violations_without_colour():
    both = QUEUE.replace("0.75 b enters", "0.75 b enters\n0.75 c enters\n0.85 c leaves")
    legend, row, marks, *_ = draw([judged_run(both)], 17).plain.splitlines()
    assert "more than 1" in legend
    assert row == "local  ··▄▄▄··██▄"
    assert marks == "              ^^"


def test_all_rows_share_one_time_scale_and_fit_the_width():
    slow = with_times_multiplied(TWO_BUYERS, 2)
    for width in (40, 80, 120):
        chart = draw([judged_run(), judged_run(slow, "redis")], width).plain
        assert max(map(len, chart.splitlines())) <= width
        assert len(rows_of(chart, "redis")[0]) == pytest.approx(2 * len(rows_of(chart, "local")[0]), abs=1)


def test_chart_of_an_empty_run():
    assert draw([judged_run("0 lab starts_run")], 80).plain
