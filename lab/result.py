"""Results: a trace, judged and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from lab.backends import BACKENDS
from lab.checks import metrics
from lab.checks.verdicts import Verdict
from lab.errors import DamagedTraceError, InvalidParameterError
from lab.exercise import Exercise
from lab.exercises import EXERCISES
from lab.formatting import Figure
from lab.trace import Trace


@dataclass(frozen=True)
class Result:
    """What one run came to. Times are seconds."""

    trace: Trace
    exercise: Exercise
    verdict: Verdict
    outcome: Mapping[str, Figure]
    elapsed: float
    waits: list[float]
    fairness: float | None
    handover: float | None
    occupied: float
    peak: int
    crowd: int
    processes: int
    hosts: list[str]
    inexact: float

    @property
    def backend(self) -> str:
        """Where it ran."""
        return self.trace.backend

    @property
    def variant(self) -> str:
        """Which variant of the exercise it was; empty if there are none."""
        return self.exercise.variant

    @cached_property
    def inside(self) -> list[metrics.Step]:
        """How many were inside over time."""
        return metrics.inside(self.trace, self.exercise.section)

    @cached_property
    def waiting(self) -> list[metrics.Step]:
        """How many waited over time."""
        return metrics.waiting(self.trace, self.exercise.section)

    def wait(self, share: float) -> float | None:
        """Return how long that share of the actors waited at most; None if nobody was let in."""
        return metrics.percentile(self.waits, share) if self.waits else None

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
            "hosts": len(self.hosts),
            "host_names": self.hosts,
            "inexact_s": self.inexact,
            "workers": self.trace.workers,
        }


def judge(trace: Trace) -> Result:
    """Return what a trace comes to; raise `DamagedTraceError` if it is of no exercise that the lab has."""
    exercise = _exercise(trace)
    section = exercise.section
    waits = metrics.waits(trace, section)
    return Result(
        trace=trace,
        exercise=exercise,
        verdict=exercise.check(trace),
        outcome=exercise.outcome(trace),
        elapsed=metrics.elapsed(trace),
        waits=waits,
        fairness=metrics.fairness(waits),
        handover=metrics.handover(trace, section, exercise.limit),
        occupied=metrics.occupied(trace, section),
        peak=metrics.peak(trace, section),
        crowd=metrics.crowd(trace),
        processes=metrics.processes(trace),
        hosts=metrics.hosts(trace),
        inexact=metrics.inexact(trace),
    )


def to_json(results: Sequence[Result]) -> dict[str, Any]:
    """Return one comparison as plain values."""
    exercise = results[0].exercise
    return {
        "exercise": exercise.name,
        "parameters": parameters(results),
        "server": next((result.trace.server for result in results if result.trace.server), None),
        "runs": [
            {"variant": result.variant or None, "backend": result.backend, **result.figures()} for result in results
        ],
    }


def in_order(results: Sequence[Result]) -> list[Result]:
    """Return the results of one exercise in the order of its variants, and of the backends."""
    variants = [*results[0].exercise.variants(), ""]
    backends = [*BACKENDS, *(result.backend for result in results)]
    return sorted(results, key=lambda result: (variants.index(result.variant), backends.index(result.backend)))


def by_variant(results: Sequence[Result]) -> list[list[Result]]:
    """Return the results of each variant."""
    variants: dict[str, list[Result]] = {}
    for result in results:
        variants.setdefault(result.variant, []).append(result)
    return list(variants.values())


def labels(results: Sequence[Result]) -> list[str]:
    """Return what each result is called beside the others: its backend, after its variant if there are several."""
    if len(by_variant(results)) == 1:
        return [result.backend for result in results]
    return [f"{result.variant} {result.backend}" for result in results]


def where(some: Sequence[Result], results: Sequence[Result]) -> str:
    """Return which of the results some of them are, in words."""
    groups = [(group[0].variant, ", ".join(result.backend for result in group)) for group in by_variant(some)]
    several = len(by_variant(results)) > 1
    return "; ".join(f"{variant} on {backends}" if several else backends for variant, backends in groups)


def parameters(results: Sequence[Result]) -> dict[str, Any]:
    """Return the parameters of one comparison; `how` has the variants that were compared."""
    given = asdict(results[0].exercise)
    if results[0].variant:
        given["how"] = ",".join(dict.fromkeys(result.variant for result in results))
    return given


def _exercise(trace: Trace) -> Exercise:
    try:
        return EXERCISES[trace.exercise](**trace.parameters)
    except KeyError as error:
        raise DamagedTraceError(f"{trace.source}, line 1: the lab has no exercise {trace.exercise!r}") from error
    except (InvalidParameterError, TypeError) as error:
        raise DamagedTraceError(
            f"{trace.source}, line 1: {trace.exercise} cannot be run like this ({error}); the file is damaged"
        ) from error
