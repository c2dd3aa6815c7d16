"""What differed between backends and between variants, and why: sentences that follow from the figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.formatting import format_seconds, format_value
from lab.report.faults import explain_faults
from lab.result import Result, group_by_variant

MIN_DIFFERENCE = 0.1  # smaller relative differences are not worth a sentence


def explain(results: Sequence[Result]) -> str:
    """Return a few sentences on a comparison: on the backends, for each variant, then on the variants."""
    groups = group_by_variant(results)
    if len(groups) == 1:
        return _compare_backends(results)
    lines = [f"{group[0].variant}: {_compare_backends(group)}" for group in groups]
    return "\n".join([*lines, *(_compare_elapsed(groups[0], group) for group in groups[1:])])


def _compare_backends(results: Sequence[Result]) -> str:
    aspects = (_outcome, _limit_exceeded, explain_faults, _handoff, _clocks, _concurrency)
    return " ".join(filter(None, (sentence(results) for sentence in aspects)))


def _outcome(results: Sequence[Result]) -> str:
    outcomes = [_counts(result) for result in results]
    if not outcomes[0]:
        return ""
    if len(outcomes) == 1:
        return f"The outcome: {outcomes[0]}."
    if len(set(outcomes)) == 1:
        return f"The outcome is the same everywhere: {outcomes[0]}."
    return "The outcome: " + "; ".join(f"{result.backend} {_counts(result)}" for result in results) + "."


def _counts(result: Result) -> str:
    """Return the outcome in words, without times, which always differ."""
    counts = {what: value for what, value in result.outcome.items() if not isinstance(value, float | None)}
    return ", ".join(
        f"{what}: {_range(result, what)}" if isinstance(value, bool | str) else f"{_range(result, what)} {what}"
        for what, value in counts.items()
    )


def _range(result: Result, what: str) -> str:
    """Return a value of the outcome; the smallest and the largest one if it differed between runs."""
    values = result.values(lambda run: run.outcome.get(what))
    return " to ".join(dict.fromkeys(format_value(value) for value in (values[0], values[-1])))


def _limit_exceeded(results: Sequence[Result]) -> str:
    section, limit = results[0].exercise.section, results[0].exercise.limit
    exceeding = [result for result in results if result.max_inside > limit]
    if not section or not exceeding:
        return ""
    counts = ", ".join(f"{result.max_inside} on {result.backend}" for result in exceeding)
    why = "what they waited for did not keep them out" if exceeding[0].wait_times else "there was nothing to wait for"
    return f"More than {limit} were inside {section} at the same time (up to {counts}): {why}."


def _handoff(results: Sequence[Result]) -> str:
    measured = [result for result in results if result.handoff_time is not None]
    if not measured:
        return ""
    times = ", ".join(f"{_time(result, lambda run: run.handoff_time)} on {result.backend}" for result in measured)
    shares = ", ".join(f"{result.busy_time / (result.elapsed or 1):.0%}" for result in measured)
    return (
        f"The median hand-off, from one leaving to the next one entering, took {times}; {results[0].exercise.section} "
        f"was in use for {shares} of the time."
    )


def _clocks(results: Sequence[Result]) -> str:
    errors = [
        f"{format_seconds(result.clock_uncertainty)} on {result.backend}" for result in results if len(result.hosts) > 1
    ]
    return f"As the hosts' clocks differ, times between hosts may be off by {', '.join(errors)}." if errors else ""


def _concurrency(results: Sequence[Result]) -> str:
    fewest = min(results, key=lambda result: result.max_concurrent)
    most = max(results, key=lambda result: result.max_concurrent)
    exercise, workers = fewest.exercise, fewest.trace.workers
    if workers is None or workers >= exercise.actors or not _clearly_less(fewest, most, _max_concurrent):
        return ""
    sentence = (
        f"{fewest.backend} has {workers} workers for {exercise.actors} {exercise.actor_noun} and ran at most "
        f"{fewest.max_concurrent} of them at a time ({most.max_concurrent} on {most.backend})"
    )
    if _clearly_less(fewest, most, _median_wait):
        sentence += (
            f": the others waited for a worker, not yet for {exercise.section}, so the median wait is "
            f"{_time(fewest, _median_wait)}, not {_time(most, _median_wait)}"
        )
    return sentence + "."


def _max_concurrent(result: Result) -> float | None:
    return result.max_concurrent


def _median_wait(result: Result) -> float | None:
    return result.wait(0.5)


def _elapsed(result: Result) -> float | None:
    return result.elapsed


def _clearly_less(result: Result, other: Result, figure: Callable[[Result], float | None]) -> bool:
    """Return whether a figure is clearly less in every run of `result` than in any of `other`."""
    values, others = result.values(figure), other.values(figure)
    return bool(values and others) and bool(values[-1] < others[0] * (1 - MIN_DIFFERENCE))


def _time(result: Result, figure: Callable[[Result], float | None]) -> str:
    """Return the median of a time, with its range if there are several runs."""
    values = result.values(figure)
    median = format_seconds(values[(len(values) - 1) // 2])
    return median if len(values) == 1 else f"{median} ({format_seconds(values[0])} to {format_seconds(values[-1])})"


def _share(result: Result, other: Result) -> str:
    """Return the time as a share of the other's, unless the ranges of several runs overlap."""
    if result.repeats and not (_clearly_less(result, other, _elapsed) or _clearly_less(other, result, _elapsed)):
        return "not clearly different from"
    return f"{result.elapsed / other.elapsed:.0%} of"


def _compare_elapsed(first: Sequence[Result], other: Sequence[Result]) -> str:
    """Return how long another variant took compared with the first one, on each backend that ran both."""
    reference = {result.backend: result for result in first}
    times = [
        f"{_time(result, _elapsed)} on {result.backend} ({_share(result, reference[result.backend])} "
        f"{first[0].variant}'s {_time(reference[result.backend], _elapsed)})"
        for result in other
        if result.backend in reference and reference[result.backend].elapsed
    ]
    phrase = other[0].exercise.variants()[other[0].variant]
    return f"{phrase[0].upper()}{phrase[1:]} it took {', '.join(times)}." if times else ""
