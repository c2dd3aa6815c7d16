"""Repeated runs: medians, ranges, and claims that hold in every run."""

from __future__ import annotations

import io

from rich.console import Console

from lab.report.explanations import explain
from lab.report.table import report
from lab.result import Result, summarize, to_json
from tests.support.traces import TWO_BUYERS, judged_run, with_times_multiplied


def runs(*factors: float, backend: str = "local", how: str = "lock") -> list[Result]:
    """Return runs that took so many times a second."""
    return [judged_run(with_times_multiplied(TWO_BUYERS, factor), backend, how=how) for factor in factors]


def printed(results: list[Result]) -> str:
    console = Console(file=io.StringIO(), width=200)
    report(results, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_shows_median_and_range():
    text = printed(summarize(runs(3, 1, 2)))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    place = rows.index(["elapsed", "2.00 s"])
    assert rows[place + 1] == ["", "1.00 s to 3.00 s"]
    assert ["sold", "2"] in rows
    assert rows[rows.index(["sold", "2"]) + 1][0], "without a difference there is no range"
    assert "the median of 3 runs, and their range" in text


def test_a_single_run_says_that_it_is_one():
    (result,) = summarize(runs(1))
    assert not result.repeats
    assert "Each column is one run; figures differ from run to run." in printed([result])


def test_the_worst_verdict_counts_and_says_in_how_many_runs_it_was():
    overlap = judged_run(TWO_BUYERS.replace("0.6 a leaves\n0.7 b enters 2", "0.6 b enters 2\n0.7 a leaves"))
    (result,) = summarize([*runs(1, 2), overlap])
    assert str(result.verdict) == "invalid"
    assert result.verdict.evidence == "in 1 of 3 runs: b entered db while a was still inside"


def test_variants_differ_only_if_their_ranges_do():
    first = summarize(runs(1, 2, 3))
    assert "not clearly different from lock's 2.00 s (1.00 s to 3.00 s)" in explain(
        [*first, *summarize(runs(2, 3, 4, how="nothing"))]
    )
    assert "250% of lock's 2.00 s (1.00 s to 3.00 s)" in explain([*first, *summarize(runs(4, 5, 6, how="nothing"))])


def test_the_json_has_each_run():
    (run,) = to_json(summarize(runs(1, 2, 3)))["runs"]
    assert run["elapsed_s"] == 2
    assert [each["elapsed_s"] for each in run["repeats"]] == [1, 2, 3]
