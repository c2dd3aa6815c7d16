"""`isolation`: the child's global is its own, and its result comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.checks.verdicts import Judgement, invalid
from lab.trace import Trace
from tests.support.lab import BACKENDS, RunLab, compare_backends
from tests.support.traces import event, make_exercise, make_trace, without

VARIANTS = ("socket", "pipe", "queue", "result")


def isolation_trace(child: int = 99, received: int = 99, parent: int = 100) -> Trace:
    return make_trace(
        "isolation",
        event(0.1, "child", "changes", value=child),
        event(0.3, "parent", "gets", value=received),
        event(0.4, "parent", "sees", value=parent),
        finished=("parent", "child"),
    )


def test_correct_trace_is_valid():
    isolation = make_exercise("isolation")
    assert isolation.check(isolation_trace()).judgement is Judgement.VALID
    assert isolation.outcome(isolation_trace()) == {
        "child's global": "99",
        "parent's global": "100",
        "result received": True,
        "transfer time": pytest.approx(0.2),
    }


def test_wrong_traces():
    isolation = make_exercise("isolation")
    seen = invalid("the child changed its global to 99, and the parent's is 99")
    assert isolation.check(isolation_trace(parent=99)) == seen
    assert isolation.check(isolation_trace(received=98)) == invalid(
        "the child's result is 99, and its parent received 98"
    )
    for missing in ("changes", "gets", "sees", "ends", "ends run"):
        assert isolation.check(without(isolation_trace(), missing)).judgement is Judgement.UNKNOWN
    assert isolation.outcome(make_trace("isolation"))["result received"] is False


@pytest.mark.slow
def test_every_variant_is_valid_on_every_backend(lab: RunLab, url: str, tmp_path: Path):
    runs = compare_backends(lab, tmp_path, "isolation", "--how", "all", "--redis-url", url, "--workers", 2)
    assert set(runs) == {(how, backend) for how in VARIANTS for backend in BACKENDS}
    for run in runs.values():
        assert run["verdict"] == "valid"
        assert run["outcome"].items() >= {"child's global": "99", "parent's global": "100"}.items()
        assert run["outcome"]["transfer time"] > 0
        assert run["processes"] == 2
