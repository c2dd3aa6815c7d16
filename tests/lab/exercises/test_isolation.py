"""`isolation`: the child's global is its own, and its result comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.checks.verdicts import Judgement, invalid
from lab.trace import Trace
from tests.lab.conftest import Run
from tests.lab.scripted import BACKENDS, compared, event, made, scripted, without

HOWS = ("socket", "pipe", "queue", "result")


def played(child: int = 99, got: int = 99, sees: int = 100) -> Trace:
    return scripted(
        "isolation",
        event(0.1, "child", "changes", value=child),
        event(0.3, "parent", "gets", value=got),
        event(0.4, "parent", "sees", value=sees),
        ended=("parent", "child"),
    )


def test_a_right_trace():
    isolation = made("isolation")
    assert isolation.check(played()).judgement is Judgement.VALID
    assert isolation.outcome(played()) == {
        "child's global": "99",
        "parent's global": "100",
        "result received": True,
        "transfer time": pytest.approx(0.2),
    }


def test_wrong_traces():
    isolation = made("isolation")
    seen = invalid("the child changed its global to 99, and the parent's is 99")
    assert isolation.check(played(sees=99)) == seen
    assert isolation.check(played(got=98)) == invalid("the child's result is 99, and its parent received 98")
    for missing in ("changes", "gets", "sees", "ends", "ends run"):
        assert isolation.check(without(played(), missing)).judgement is Judgement.UNKNOWN
    assert isolation.outcome(scripted("isolation"))["result received"] is False


def test_every_way_on_every_backend(lab: Run, url: str, tmp_path: Path):
    runs = compared(lab, tmp_path, "isolation", "--how", "all", "--redis-url", url, "--workers", 2)
    assert set(runs) == {(how, backend) for how in HOWS for backend in BACKENDS}
    for run in runs.values():
        assert run["verdict"] == "valid"
        assert run["outcome"].items() >= {"child's global": "99", "parent's global": "100"}.items()
        assert run["outcome"]["transfer time"] > 0
        assert run["processes"] == 2
