"""What differed between backends and between variants, and why: sentences that follow from the figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _

from lab.formatting import (
    format_range,
    format_seconds,
    format_value,
    join_clauses,
    join_list,
    join_sentences,
    per_backend,
    with_range,
)
from lab.report.faults import explain_faults
from lab.result import Result, group_by_variant

MIN_DIFFERENCE = 0.1  # smaller relative differences are not worth a sentence


def explain(results: Sequence[Result]) -> str:
    """Return a few sentences on a comparison: on the backends, for each variant, then on the variants."""
    groups = group_by_variant(results)
    if len(groups) == 1:
        return _compare_backends(results)
    line = _("{variant}: {sentences}")
    lines = [line.format(variant=group[0].variant, sentences=_compare_backends(group)) for group in groups]
    return "\n".join([*lines, *(_compare_elapsed(groups[0], group) for group in groups[1:])])


def _compare_backends(results: Sequence[Result]) -> str:
    aspects = (_outcome, _limit_exceeded, explain_faults, _handoff, _clocks, _concurrency)
    return join_sentences([sentence(results) for sentence in aspects])


def _outcome(results: Sequence[Result]) -> str:
    outcomes = [_counts(result) for result in results]
    if not outcomes[0]:
        return ""
    if len(outcomes) == 1:
        return _("The outcome: {outcome}.").format(outcome=outcomes[0])
    if len(set(outcomes)) == 1:
        return _("The outcome is the same everywhere: {outcome}.").format(outcome=outcomes[0])
    by_backend = join_clauses([f"{result.backend} {_counts(result)}" for result in results])
    return _("The outcome: {outcome}.").format(outcome=by_backend)


def _counts(result: Result) -> str:
    """Return the outcome in words, without times, which always differ."""
    counts = {what: value for what, value in result.outcome.items() if not isinstance(value, float | None)}
    count, other = _("{count} {what}"), _("{what}: {value}")
    return join_list(
        [
            other.format(what=_(what), value=_range(result, what))
            if isinstance(value, bool | str)
            else count.format(what=_(what), count=_range(result, what))
            for what, value in counts.items()
        ]
    )


def _range(result: Result, what: str) -> str:
    """Return a value of the outcome; the smallest and the largest one if it differed between runs."""
    values = result.values(lambda run: run.outcome.get(what))
    return format_range(format_value(values[0]), format_value(values[-1]))


def _limit_exceeded(results: Sequence[Result]) -> str:
    section, limit = results[0].exercise.section, results[0].exercise.limit
    exceeding = [result for result in results if result.max_inside > limit]
    if not section or not exceeding:
        return ""
    counts = per_backend([(str(result.max_inside), result.backend) for result in exceeding])
    sentence = (
        _(
            "More than {limit} were inside {section} at the same time (up to {counts}): what they waited for did not "
            "keep them out."
        )
        if exceeding[0].wait_times
        else _(
            "More than {limit} were inside {section} at the same time (up to {counts}): there was nothing to wait for."
        )
    )
    return sentence.format(limit=limit, section=section, counts=counts)


def _handoff(results: Sequence[Result]) -> str:
    measured = [result for result in results if result.handoff_time is not None]
    if not measured:
        return ""
    times = per_backend([(_time(result, lambda run: run.handoff_time), result.backend) for result in measured])
    shares = join_list([f"{result.busy_time / (result.elapsed or 1):.0%}" for result in measured])
    return _(
        "The median hand-off, from one leaving to the next one entering, took {times}; {section} was in use for "
        "{shares} of the time."
    ).format(times=times, section=results[0].exercise.section, shares=shares)


def _clocks(results: Sequence[Result]) -> str:
    on_hosts = [result for result in results if len(result.hosts) > 1]
    if not on_hosts:
        return ""
    errors = per_backend([(format_seconds(result.clock_uncertainty), result.backend) for result in on_hosts])
    return _("As the hosts' clocks differ, times between hosts may be off by {errors}.").format(errors=errors)


def _concurrency(results: Sequence[Result]) -> str:
    fewest = min(results, key=lambda result: result.max_concurrent)
    most = max(results, key=lambda result: result.max_concurrent)
    exercise, workers = fewest.exercise, fewest.trace.workers
    if workers is None or workers >= exercise.actors or not _clearly_less(fewest, most, _max_concurrent):
        return ""
    figures = {
        "backend": fewest.backend,
        "workers": workers,
        "actors": _(exercise.counted_actors).format(count=exercise.actors),
        "running": fewest.max_concurrent,
        "most": per_backend([(str(most.max_concurrent), most.backend)]),
    }
    if not _clearly_less(fewest, most, _median_wait):
        sentence = _(
            "{backend} has {workers} workers for {actors} and ran at most {running} of them at a time ({most})."
        )
        return sentence.format(**figures)
    sentence = _(
        "{backend} has {workers} workers for {actors} and ran at most {running} of them at a time ({most}): the others "
        "waited for a worker, not yet for {section}, so the median wait is {wait}, not {longer}."
    )
    wait, longer = _time(fewest, _median_wait), _time(most, _median_wait)
    return sentence.format(**figures, section=exercise.section, wait=wait, longer=longer)


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
    return median if len(values) == 1 else with_range(median, format_seconds(values[0]), format_seconds(values[-1]))


def _relative(result: Result, other: Result) -> str:
    """Return the time and its share of the other variant's, unless the ranges of several runs overlap."""
    figures = {
        "time": _time(result, _elapsed),
        "backend": result.backend,
        "variant": other.variant,
        "reference": _time(other, _elapsed),
    }
    if result.repeats and not (_clearly_less(result, other, _elapsed) or _clearly_less(other, result, _elapsed)):
        return _("{time} on {backend} (not clearly different from {variant}'s {reference})").format(**figures)
    sentence = _("{time} on {backend} ({share:.0%} of {variant}'s {reference})")
    return sentence.format(**figures, share=result.elapsed / other.elapsed)


def _compare_elapsed(first: Sequence[Result], other: Sequence[Result]) -> str:
    """Return how long another variant took compared with the first one, on each backend that ran both."""
    reference = {result.backend: result for result in first}
    times = [
        _relative(result, reference[result.backend])
        for result in other
        if result.backend in reference and reference[result.backend].elapsed
    ]
    if not times:
        return ""
    phrase = _(other[0].exercise.variants()[other[0].variant])
    return _("{phrase} it took {times}.").format(phrase=f"{phrase[0].upper()}{phrase[1:]}", times=join_list(times))
