"""What differed between backends and between variants, and why: sentences that follow from the figures."""

from __future__ import annotations

from collections.abc import Sequence

from lab.formatting import format_seconds, format_value
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
    aspects = (_outcome, _limit_exceeded, _pause, _handoff, _clocks, _concurrency)
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
        f"{what}: {format_value(value)}" if isinstance(value, bool | str) else f"{value} {what}"
        for what, value in counts.items()
    )


def _limit_exceeded(results: Sequence[Result]) -> str:
    section, limit = results[0].exercise.section, results[0].exercise.limit
    exceeding = [result for result in results if result.max_inside > limit]
    if not section or not exceeding:
        return ""
    counts = ", ".join(f"{result.max_inside} on {result.backend}" for result in exceeding)
    why = "what they waited for did not keep them out" if exceeding[0].wait_times else "there was nothing to wait for"
    return f"More than {limit} were inside {section} at the same time (up to {counts}): {why}."


def _pause(results: Sequence[Result]) -> str:
    backends: dict[str, list[str]] = {}
    for result in results:
        backends.setdefault(_consequence(result), []).append(result.backend)
    sentences = [f"on {', '.join(names)} {consequence}" for consequence, names in backends.items() if consequence]
    return f"A process was paused inside {results[0].exercise.section}: {'; '.join(sentences)}." if sentences else ""


def _consequence(result: Result) -> str:
    """Return what the pause of a process led to; empty if none was paused and resumed."""
    resumed = next(iter(result.trace.of("resumes")), None)
    if resumed is None:
        return ""
    whats = {event.what for event in result.trace.events if event.process == resumed.process}
    if "loses lease" not in whats:
        return "all others waited for it"
    write = "was refused by the store" if "is refused" in whats else "was accepted, as nothing checked its fence"
    return f"its lease expired, others entered, and its late write {write}"


def _handoff(results: Sequence[Result]) -> str:
    measured = [(result.handoff_time, result) for result in results if result.handoff_time is not None]
    if not measured:
        return ""
    times = ", ".join(f"{format_seconds(time)} on {result.backend}" for time, result in measured)
    shares = ", ".join(f"{result.busy_time / (result.elapsed or 1):.0%}" for _, result in measured)
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
    if workers is None or workers >= exercise.actors or not _clearly_less(fewest.max_concurrent, most.max_concurrent):
        return ""
    sentence = (
        f"{fewest.backend} has {workers} workers for {exercise.actors} {exercise.actor_noun} and ran at most "
        f"{fewest.max_concurrent} of them at a time ({most.max_concurrent} on {most.backend})"
    )
    wait, other = fewest.wait(0.5), most.wait(0.5)
    if wait is not None and other is not None and _clearly_less(wait, other):
        sentence += (
            f": the others waited for a worker, not yet for {exercise.section}, so the median wait is "
            f"{format_seconds(wait)}, not {format_seconds(other)}"
        )
    return sentence + "."


def _clearly_less(value: float, other: float) -> bool:
    return value < other * (1 - MIN_DIFFERENCE)


def _compare_elapsed(first: Sequence[Result], other: Sequence[Result]) -> str:
    """Return how long another variant took compared with the first one, on each backend that ran both."""
    reference = {result.backend: result.elapsed for result in first}
    times = [
        f"{format_seconds(result.elapsed)} on {result.backend} ({result.elapsed / reference[result.backend]:.0%} of "
        f"{first[0].variant}'s {format_seconds(reference[result.backend])})"
        for result in other
        if reference.get(result.backend)
    ]
    phrase = other[0].exercise.variants()[other[0].variant]
    return f"{phrase[0].upper()}{phrase[1:]} it took {', '.join(times)}." if times else ""
