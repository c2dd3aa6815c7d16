"""Metrics of small handwritten traces, whose values are obvious."""

from __future__ import annotations

import pytest

from lab.checks import metrics
from tests.support.traces import TWO_BUYERS, parse_trace


def test_wait_and_handoff_times():
    trace = parse_trace(TWO_BUYERS)
    assert metrics.wait_times(trace, "db") == pytest.approx([0.0, 0.5])
    assert metrics.handoff_time(trace, "db", 1) == pytest.approx(0.1)
    assert metrics.busy_time(trace, "db") == pytest.approx(0.4 + 0.2)
    assert metrics.elapsed(trace) == pytest.approx(1.0)


def test_handoff_time_needs_a_waiter():
    trace = parse_trace("0 a requests\n0 a enters\n1 a leaves\n5 b requests\n5 b enters\n6 b leaves")
    assert metrics.handoff_time(trace, "db", 1) is None


def test_counts_of_processes_and_hosts():
    trace = parse_trace(TWO_BUYERS)
    assert metrics.max_inside(trace, "db") == 1
    assert metrics.max_concurrent(trace) == 2
    assert metrics.process_count(trace) == 2
    assert metrics.hosts(trace) == ["here"]


@pytest.mark.parametrize(
    ("values", "index"), [([1, 1, 1, 1], 1.0), ([5, 0, 0, 0], 0.25), ([1, 3], 0.8), ([0, 0], None), ([], None)]
)
def test_jains_index(values: list[float], index: float | None):
    assert metrics.fairness(values) == (None if index is None else pytest.approx(index))


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_percentile_is_one_of_the_values(share: float, value: int):
    assert metrics.percentile(list(range(100, 0, -1)), share) == value
