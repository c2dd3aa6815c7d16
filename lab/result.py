"""Results: a trace with its verdict and its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from gettext import gettext as _
from typing import Any

from lab.backends import BACKENDS
from lab.checks import metrics
from lab.checks.faults import fault_figures, planned_faults
from lab.checks.verdicts import Judgement, Verdict
from lab.errors import InvalidParameterError, InvalidTraceError
from lab.exercise import Exercise
from lab.exercises import EXERCISES
from lab.formatting import OutcomeValue, join_clauses, join_list
from lab.trace import Trace


@dataclass(frozen=True)
class Result:
    """The verdict and figures of one run. Times are in seconds."""

    trace: Trace
    exercise: Exercise
    verdict: Verdict
    outcome: Mapping[str, OutcomeValue]
    elapsed: float
    wait_times: list[float]
    fairness: float | None
    handoff_time: float | None
    busy_time: float
    max_inside: int
    max_concurrent: int
    processes: int
    hosts: list[str]
    clock_uncertainty: float
    repeats: tuple[Result, ...] = ()  # all runs, of which this one is the median, if it was repeated

    @property
    def backend(self) -> str:
        """Where it ran."""
        return self.trace.backend

    @property
    def variant(self) -> str:
        """The variant of the exercise; empty if it has none."""
        return self.exercise.variant

    @cached_property
    def inside(self) -> list[metrics.Step]:
        """How many actors were inside the section, over time."""
        return metrics.inside_over_time(self.trace, self.exercise.section)

    @cached_property
    def waiting(self) -> list[metrics.Step]:
        """How many actors waited for the section, over time."""
        return metrics.waiting_over_time(self.trace, self.exercise.section)

    def wait(self, fraction: float) -> float | None:
        """Return how long this fraction of the actors waited at most; None if none entered."""
        return metrics.percentile(self.wait_times, fraction) if self.wait_times else None

    def values(self, figure: Callable[[Result], OutcomeValue]) -> list[Any]:
        """Return a figure of each run that has it, the smallest first."""
        return sorted(value for run in self.repeats or (self,) if (value := figure(run)) is not None)

    def figures(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        if self.repeats:
            return {**replace(self, repeats=()).figures(), "repeats": [run.figures() for run in self.repeats]}
        return {
            "verdict": self.verdict.judgement.key,
            "evidence": self.verdict.evidence,
            "outcome": dict(self.outcome),
            "elapsed_s": self.elapsed,
            "wait_s": {"median": self.wait(0.5), "p99": self.wait(0.99), "max": self.wait(1.0)},
            "fairness": self.fairness,
            "handoff_s": self.handoff_time,
            "busy_s": self.busy_time,
            "max_inside": self.max_inside,
            "max_concurrent": self.max_concurrent,
            "processes": self.processes,
            "hosts": len(self.hosts),
            "host_names": self.hosts,
            "clock_uncertainty_s": self.clock_uncertainty,
            "workers": self.trace.workers,
            "faults": fault_figures(self.trace),
        }


def judge(trace: Trace) -> Result:
    """Return the result of a trace; raise `InvalidTraceError` if the lab does not have its exercise."""
    exercise = _create_exercise(trace)
    section = exercise.section
    wait_times = metrics.wait_times(trace, section)
    return Result(
        trace=trace,
        exercise=exercise,
        verdict=_check(exercise, trace),
        outcome=exercise.outcome(trace),
        elapsed=metrics.elapsed(trace),
        wait_times=wait_times,
        fairness=metrics.fairness(wait_times),
        handoff_time=metrics.handoff_time(trace, section, exercise.limit),
        busy_time=metrics.busy_time(trace, section),
        max_inside=metrics.max_inside(trace, section),
        max_concurrent=metrics.max_concurrent(trace),
        processes=metrics.process_count(trace),
        hosts=metrics.hosts(trace),
        clock_uncertainty=metrics.clock_uncertainty(trace),
    )


def _check(exercise: Exercise, trace: Trace) -> Verdict:
    verdict = exercise.check(trace)
    if verdict.judgement is Judgement.INVALID and trace.faults and not exercise.judges_faults:
        evidence = _("{evidence}; a fault may be the reason").format(evidence=verdict.evidence)
        return replace(verdict, judgement=Judgement.UNKNOWN, evidence=evidence)
    return verdict


def summarize(results: Sequence[Result]) -> list[Result]:
    """Return one result for the runs of each variant on each backend: the median by time, with the worst verdict."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.variant, result.backend), []).append(result)
    return [_median(group) if len(group) > 1 else group[0] for group in groups.values()]


def _median(runs: list[Result]) -> Result:
    by_time = sorted(runs, key=lambda run: run.elapsed)
    verdict = max(runs, key=lambda run: run.verdict.judgement).verdict
    count = sum(run.verdict.judgement is verdict.judgement for run in runs)
    if count < len(runs):
        evidence = _("in {count} of {runs} runs: {evidence}")
        verdict = replace(verdict, evidence=evidence.format(count=count, runs=len(runs), evidence=verdict.evidence))
    return replace(by_time[(len(runs) - 1) // 2], verdict=verdict, repeats=tuple(runs))


def to_json(results: Sequence[Result]) -> dict[str, Any]:
    """Return a comparison as plain values, for JSON."""
    exercise = results[0].exercise
    return {
        "exercise": exercise.name,
        "parameters": parameters(results),
        "server": next((result.trace.server for result in results if result.trace.server), None),
        "runs": [
            {"variant": result.variant or None, "backend": result.backend, **result.figures()} for result in results
        ],
    }


def sort_results(results: Sequence[Result]) -> list[Result]:
    """Return the results of one exercise, sorted by variant and backend."""
    variants = [*results[0].exercise.variants(), ""]
    backends = [*BACKENDS, *(result.backend for result in results)]
    return sorted(results, key=lambda result: (variants.index(result.variant), backends.index(result.backend)))


def group_by_variant(results: Sequence[Result]) -> list[list[Result]]:
    """Return the results in one list per variant."""
    variants: dict[str, list[Result]] = {}
    for result in results:
        variants.setdefault(result.variant, []).append(result)
    return list(variants.values())


def column_labels(results: Sequence[Result]) -> list[str]:
    """Return a label for each result: its backend, preceded by its variant if there are several."""
    if len(group_by_variant(results)) == 1:
        return [result.backend for result in results]
    return [f"{result.variant} {result.backend}" for result in results]


def describe_runs(selected: Sequence[Result], results: Sequence[Result]) -> str:
    """Return the variants and backends of the selected results; the variants only if `results` have several."""
    groups = [(group[0].variant, join_list([each.backend for each in group])) for group in group_by_variant(selected)]
    if len(group_by_variant(results)) == 1:
        return join_clauses([backends for _variant, backends in groups])
    phrase = _("{variant} on {backends}")
    return join_clauses([phrase.format(variant=variant, backends=backends) for variant, backends in groups])


def parameters(results: Sequence[Result]) -> dict[str, Any]:
    """Return the parameters of a comparison; `how` lists the variants that were compared."""
    given = asdict(results[0].exercise)
    if results[0].variant:
        given["how"] = ",".join(dict.fromkeys(result.variant for result in results))
    return given | planned_faults(results[0].trace)


def _create_exercise(trace: Trace) -> Exercise:
    try:
        return EXERCISES[trace.exercise](**trace.parameters)
    except KeyError as error:
        message = _("{file}, line 1: there is no exercise {name!r}")
        raise InvalidTraceError(message.format(file=trace.source, name=trace.exercise)) from error
    except (InvalidParameterError, TypeError) as error:
        message = _("{file}, line 1: {exercise} does not accept these parameters ({error}); the file is corrupt")
        message = message.format(file=trace.source, exercise=trace.exercise, error=error)
        raise InvalidTraceError(message) from error
