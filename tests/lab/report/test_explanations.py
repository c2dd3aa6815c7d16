"""The sentences that explain what differs between runs."""

from __future__ import annotations

from lab.report.explanations import explain
from tests.support.traces import TWO_BUYERS, judged_run, with_times_multiplied


def test_explanations_match_the_figures():
    alike = explain([judged_run(), judged_run(backend="redis")])
    assert "same everywhere: 2 sold, 0 refused, 0 oversold" in alike
    assert "More than" not in alike
    both = TWO_BUYERS.replace("0.6 a leaves\n0.7 b enters 2", "0.6 b enters 2\n0.7 a leaves")
    differing = explain([judged_run(), judged_run(both, "redis")])
    assert "(up to 2 on redis): what they waited for did not keep them out" in differing
    without_requests = "\n".join(line for line in both.splitlines() if "requests" not in line)
    assert "(up to 2 on local): there was nothing to wait for" in explain([judged_run(without_requests, how="nothing")])


def test_variants_are_compared_on_the_same_backend():
    """The run through a queue takes half as long as the run under a lock."""
    fast = with_times_multiplied(TWO_BUYERS, 0.5)
    results = [judged_run(), judged_run(fast, how="queue"), judged_run(fast, "redis", how="queue")]
    *variants, comparison = explain(results).splitlines()
    assert [line.partition(":")[0] for line in variants] == ["lock", "queue"]
    assert comparison == "Through a queue with one seller it took 500 ms on local (50% of lock's 1.00 s)."


def test_measured_times_are_not_compared_as_outcomes():
    slower = TWO_BUYERS.replace("0.8 b buys", "0.85 b buys").replace("0.1 b starts", "0.1 b starts\n0.1 b sees 1")
    results = [judged_run(), judged_run(slower, "redis")]
    assert results[0].outcome != results[1].outcome
    assert "same everywhere: 2 sold, 0 refused, 0 oversold." in explain(results)
