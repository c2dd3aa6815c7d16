"""Results: a trace, judged and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from lab import measures
from lab.checks import Verdict
from lab.errors import DamagedTraceError, InvalidParameterError
from lab.exercise import Exercise
from lab.exercises import EXERCISES
from lab.trace import Trace


@dataclass(frozen=True)
class Result:
    """What one run came to. Times are seconds."""

    trace: Trace
    exercise: Exercise
    verdict: Verdict
    outcome: Mapping[str, int]
    elapsed: float
    waits: list[float]
    fairness: float | None
    handover: float | None
    occupied: float
    peak: int
    crowd: int
    processes: int
    hosts: int

    @property
    def backend(self) -> str:
        """Where it ran."""
        return self.trace.backend

    @cached_property
    def inside(self) -> list[measures.Step]:
        """How many were inside over time."""
        return measures.inside(self.trace, self.exercise.section)

    @cached_property
    def waiting(self) -> list[measures.Step]:
        """How many waited over time."""
        return measures.waiting(self.trace, self.exercise.section)

    def wait(self, share: float) -> float | None:
        """Return how long that share of the actors waited at most; None if nobody was let in."""
        return measures.percentile(self.waits, share) if self.waits else None

    def figures(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "verdict": str(self.verdict),
            "evidence": self.verdict.evidence,
            "outcome": dict(self.outcome),
            "elapsed_s": self.elapsed,
            "wait_s": {"median": self.wait(0.5), "p99": self.wait(0.99), "max": self.wait(1.0)},
            "fairness": self.fairness,
            "handover_s": self.handover,
            "occupied_s": self.occupied,
            "most_inside": self.peak,
            "most_at_once": self.crowd,
            "processes": self.processes,
            "hosts": self.hosts,
            "workers": self.trace.workers,
        }


def judge(trace: Trace) -> Result:
    """Return what a trace comes to; raise `DamagedTraceError` if it is of no exercise that the lab has."""
    exercise = _exercise(trace)
    section = exercise.section
    waits = measures.waits(trace, section)
    return Result(
        trace=trace,
        exercise=exercise,
        verdict=exercise.check(trace),
        outcome=exercise.outcome(trace),
        elapsed=measures.elapsed(trace),
        waits=waits,
        fairness=measures.fairness(waits),
        handover=measures.handover(trace, section, exercise.limit),
        occupied=measures.occupied(trace, section),
        peak=measures.peak(trace, section),
        crowd=measures.crowd(trace),
        processes=measures.processes(trace),
        hosts=measures.hosts(trace),
    )


def to_json(results: Sequence[Result]) -> dict[str, Any]:
    """Return one comparison as plain values."""
    exercise = results[0].exercise
    return {
        "exercise": exercise.name,
        "parameters": asdict(exercise),
        "server": next((result.trace.server for result in results if result.trace.server), None),
        "backends": {result.backend: result.figures() for result in results},
    }


def _exercise(trace: Trace) -> Exercise:
    try:
        return EXERCISES[trace.exercise](**trace.parameters)
    except KeyError as error:
        raise DamagedTraceError(f"{trace.source}, line 1: the lab has no exercise {trace.exercise!r}") from error
    except (InvalidParameterError, TypeError) as error:
        raise DamagedTraceError(
            f"{trace.source}, line 1: {trace.exercise} cannot be run like this ({error}); the file is damaged"
        ) from error
