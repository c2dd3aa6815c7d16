"""Figures from traces whose figures can be told by looking."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from lab.checks import metrics
from lab.formatting import format_names, format_seconds
from lab.report.chart import draw
from lab.report.explanations import explain
from lab.report.table import report
from lab.result import Result, judge, to_json
from lab.trace import LAB
from tests.support.traces import TWO_BUYERS, parse_trace


def result(text: str = TWO_BUYERS, backend: str = "local", **parameters: object) -> Result:
    return judge(parse_trace(text, backend=backend, **{"clients": 2, "stock": 2, **parameters}))


def with_times_multiplied(text: str, factor: float) -> str:
    lines = (line.split(" ", 1) for line in text.strip().splitlines())
    return "\n".join(f"{factor * float(when)} {rest}" for when, rest in lines)


def test_waits_and_hand_over():
    two = parse_trace(TWO_BUYERS)
    assert metrics.wait_times(two, "db") == pytest.approx([0.0, 0.5])
    assert metrics.handoff_time(two, "db", 1) == pytest.approx(0.1)
    assert metrics.busy_time(two, "db") == pytest.approx(0.4 + 0.2)
    assert metrics.elapsed(two) == pytest.approx(1.0)


def test_a_hand_over_needs_somebody_who_waits():
    alone = parse_trace("0 a requests\n0 a enters\n1 a leaves\n5 b requests\n5 b enters\n6 b leaves")
    assert metrics.handoff_time(alone, "db", 1) is None


def test_how_many_at_once():
    two = parse_trace(TWO_BUYERS)
    assert metrics.max_inside(two, "db") == 1
    assert metrics.max_concurrent(two) == 2
    assert metrics.process_count(two) == 2
    assert metrics.hosts(two) == ["here"]


@pytest.mark.parametrize(
    ("values", "index"), [([1, 1, 1, 1], 1.0), ([5, 0, 0, 0], 0.25), ([1, 3], 0.8), ([0, 0], None), ([], None)]
)
def test_jains_index(values: list[float], index: float | None):
    assert metrics.fairness(values) == (None if index is None else pytest.approx(index))


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_one_of_the_values(share: float, value: int):
    assert metrics.percentile(list(range(100, 0, -1)), share) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0 µs"),
        (42e-6, "42 µs"),
        (1.23e-3, "1.23 ms"),
        (0.1, "100 ms"),
        (2.5, "2.50 s"),
        (61, "61.0 s"),
    ],
)
def test_figures_are_written_with_their_unit(value: float | None, text: str):
    assert format_seconds(value) == text


def strips(chart: str, backend: str) -> list[str]:
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


def test_the_chart_shows_who_is_inside_and_who_waits():
    inside, waiting = strips(draw([result(QUEUE)], 17).plain, "local")
    assert inside == "··███··███"
    assert waiting == "·██▄▄▄▄▄··"


def test_the_chart_marks_too_many_without_colour():
    both = QUEUE.replace("0.75 b enters", "0.75 b enters\n0.75 c enters\n0.85 c leaves")
    legend, strip, marks, *_ = draw([result(both)], 17).plain.splitlines()
    assert "more than 1" in legend
    assert strip == "local  ··▄▄▄··██▄"
    assert marks == "              ^^"


def test_all_strips_have_one_time_scale_and_fit():
    slow = with_times_multiplied(TWO_BUYERS, 2)
    for width in (40, 80, 120):
        chart = draw([result(), result(slow, "redis")], width).plain
        assert max(map(len, chart.splitlines())) <= width
        assert len(strips(chart, "redis")[0]) == pytest.approx(2 * len(strips(chart, "local")[0]), abs=1)


def test_several_hosts_are_named_and_how_exactly_their_clocks_are_known():
    """The same run, on one host and on three, one of which is only the lab's own."""
    hosts = {LAB: "desk", "a": "attic", "b": "cellar"}
    alone = parse_trace(TWO_BUYERS, backend="redis", clients=2, stock=2)
    spread = [dataclasses.replace(event, host=hosts[event.who], error=0.002) for event in alone.events]
    both = [judge(alone), judge(dataclasses.replace(alone, backend="rq", events=tuple(spread)))]
    rows = [line.split("│")[1:-1] for line in printed(both).splitlines() if line.startswith("│")]
    at = next(number for number, (first, *_) in enumerate(rows) if first.strip() == "hosts")
    assert [[cell.strip() for cell in row] for row in rows[at : at + 3]] == [
        ["hosts", "1", "2"],
        ["", "", "attic"],
        ["", "", "cellar"],
    ]
    assert "As the hosts' clocks differ, times between hosts may be off by 4.00 ms on rq." in explain(both)
    assert "clocks" not in explain(both[:1])
    (one, two) = to_json(both)["runs"]
    assert (one["hosts"], one["host_names"], one["clock_uncertainty_s"]) == (1, ["here"], 0)
    assert (two["hosts"], two["host_names"], two["clock_uncertainty_s"]) == (2, ["attic", "cellar"], 0.004)


def printed(results: list[Result]) -> str:
    console = Console(file=io.StringIO(), width=80)
    report(results, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_of_many_hosts_some_are_named():
    assert format_names([f"h{number}" for number in range(10)]).splitlines()[-2:] == ["h7", "and 2 more"]


def test_the_chart_of_almost_nothing():
    assert draw([result("0 lab starts_run")], 80).plain


def test_the_sentences_say_only_what_the_figures_say():
    alike = explain([result(), result(backend="redis")])
    assert "same everywhere: 2 sold, 0 refused, 0 oversold" in alike
    assert "More than" not in alike
    both = TWO_BUYERS.replace("0.6 a leaves\n0.7 b enters 2", "0.6 b enters 2\n0.7 a leaves")
    differing = explain([result(), result(both, "redis")])
    assert "(up to 2 on redis): what they waited for did not keep them out" in differing
    unasked = "\n".join(line for line in both.splitlines() if "requests" not in line)
    assert "(up to 2 on local): there was nothing to wait for" in explain([result(unasked, how="nothing")])


def test_the_sentences_compare_variants_on_the_same_backend():
    """A run through a queue that takes half as long as the one under a lock."""
    quick = with_times_multiplied(TWO_BUYERS, 0.5)
    results = [result(), result(quick, how="queue"), result(quick, "redis", how="queue")]
    *variants, price = explain(results).splitlines()
    assert [line.partition(":")[0] for line in variants] == ["lock", "queue"]
    assert price == "Through a queue with one seller it took 500 ms on local (50% of lock's 1.00 s)."


def test_what_is_measured_is_no_outcome_to_compare():
    slower = TWO_BUYERS.replace("0.8 b buys", "0.85 b buys").replace("0.1 b starts", "0.1 b starts\n0.1 b sees 1")
    results = [result(), result(slower, "redis")]
    assert results[0].outcome != results[1].outcome
    assert "same everywhere: 2 sold, 0 refused, 0 oversold." in explain(results)
