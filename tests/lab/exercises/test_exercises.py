"""What holds for every exercise and variant."""

from __future__ import annotations

import pytest

from lab.checks.verdicts import Judgement
from lab.exercises import EXERCISES
from tests.support.traces import make_exercise, parse_trace


@pytest.mark.parametrize("name", EXERCISES)
def test_empty_trace_is_unknown(name: str):
    nothing = parse_trace("0 lab starts_run", name)
    for variant in EXERCISES[name].variants() or [""]:
        exercise = make_exercise(name, **({"how": variant} if variant else {}))
        assert exercise.check(nothing).judgement is Judgement.UNKNOWN
        assert exercise.outcome(nothing).keys() == make_exercise(name).outcome(nothing).keys()
