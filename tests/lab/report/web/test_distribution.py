"""Distributions on one logarithmic axis."""

from __future__ import annotations

import pytest

from lab.report.web.distribution import BARS_PER_DECADE, Point, plot


def test_runs_share_the_axis():
    shown = plot("Waits", {"local": [0.002], "redis": [0.02, 0.02, 0.2]})
    assert [tick.label for tick in shown.ticks] == ["1 ms", "10 ms", "100 ms", "1 s"]
    local, redis = shown.distributions
    assert len(local.bars) == len(redis.bars) == 3 * BARS_PER_DECADE
    assert [number for number, height in enumerate(local.bars) if height] == [1]
    assert [height for height in redis.bars if height] == [1.0, 0.5]
    assert (local.count, redis.count) == (1, 3)


def test_median_p99_and_jains_index():
    (shown,) = plot("Waits", {"local": [0.001, 0.001, 0.001, 0.1]}).distributions
    assert shown.median == Point(0.0, "1.00 ms")
    assert (shown.p99.place, shown.p99.label) == (pytest.approx(2 / 3), "100 ms")
    assert shown.jain == "0.27"


def test_a_wait_that_took_no_time_has_a_place():
    shown = plot("Waits", {"local": [0.0, 0.0]})
    assert shown.ticks[0].label == "1 µs"
    assert (shown.distributions[0].bars[0], shown.distributions[0].jain) == (1.0, "-")


def test_a_wait_at_the_very_end_of_the_axis_belongs_to_the_last_bar():
    (shown,) = plot("Waits", {"local": [0.5, 0.9999999999999999]}).distributions
    assert len(shown.bars) == BARS_PER_DECADE
    assert shown.bars[-1] == 1.0


def test_runs_without_waits_are_left_out():
    assert plot("Waits", {"local": []}).distributions == []
