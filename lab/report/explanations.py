"""What differed between the backends, and between the variants, and why, in sentences that follow from the figures."""

from __future__ import annotations

from collections.abc import Sequence

from lab.formatting import figure, seconds
from lab.result import Result, by_variant

SLIGHT = 0.1  # differences below this share are not worth a sentence


def explain(results: Sequence[Result]) -> str:
    """Return a few sentences on a comparison: those on the backends, for each variant, then those on the variants."""
    groups = by_variant(results)
    if len(groups) == 1:
        return _backends(results)
    lines = [f"{group[0].variant}: {_backends(group)}" for group in groups]
    return "\n".join([*lines, *(_price(groups[0], group) for group in groups[1:])])


def _backends(results: Sequence[Result]) -> str:
    return " ".join(
        filter(
            None,
            (
                _outcome(results),
                _safety(results),
                _standstill(results),
                _handover(results),
                _clocks(results),
                _crowd(results),
            ),
        )
    )


def _outcome(results: Sequence[Result]) -> str:
    said = [_words(result) for result in results]
    if not said[0]:
        return ""
    if len(said) == 1:
        return f"The outcome: {said[0]}."
    if len(set(said)) == 1:
        return f"The outcome is the same everywhere: {said[0]}."
    return "The outcome: " + "; ".join(f"{result.backend} {_words(result)}" for result in results) + "."


def _words(result: Result) -> str:
    """Return the outcome but for what is measured, which is never the same."""
    counts = {what: value for what, value in result.outcome.items() if not isinstance(value, float | None)}
    return ", ".join(
        f"{what}: {figure(value)}" if isinstance(value, bool | str) else f"{value} {what}"
        for what, value in counts.items()
    )


def _safety(results: Sequence[Result]) -> str:
    section, limit = results[0].exercise.section, results[0].exercise.limit
    crowded = [result for result in results if result.peak > limit]
    if not section or not crowded:
        return ""
    peaks = ", ".join(f"{result.peak} on {result.backend}" for result in crowded)
    why = "what they asked for did not keep them out" if crowded[0].waits else "there was nothing to wait for"
    return f"More than {limit} were inside {section} at once (up to {peaks}): {why}."


def _standstill(results: Sequence[Result]) -> str:
    stories: dict[str, list[str]] = {}
    for result in results:
        stories.setdefault(_story(result), []).append(result.backend)
    told = [f"on {', '.join(backends)} {story}" for story, backends in stories.items() if story]
    return f"Somebody stood still inside {results[0].exercise.section}: {'; '.join(told)}." if told else ""


def _story(result: Result) -> str:
    """Return what became of whoever stood still and went on; empty if nobody did."""
    woken = next(iter(result.trace.of("goes on")), None)
    if woken is None:
        return ""
    its = {event.what for event in result.trace.events if event.process == woken.process}
    if "loses" not in its:
        return "all others waited for it"
    store = "the store refused" if "is refused" in its else "nobody asked for the fence of"
    return f"its lease ended, others were let in, and {store} its late write"


def _handover(results: Sequence[Result]) -> str:
    taken = [(result.handover, result) for result in results if result.handover is not None]
    if not taken:
        return ""
    times = ", ".join(f"{seconds(time)} on {result.backend}" for time, result in taken)
    shares = ", ".join(f"{result.occupied / (result.elapsed or 1):.0%}" for _, result in taken)
    return (
        f"From one's leaving to the next one's entering it took {times} (median); somebody was inside "
        f"{results[0].exercise.section} for {shares} of the time."
    )


def _clocks(results: Sequence[Result]) -> str:
    several = [f"{seconds(result.inexact)} on {result.backend}" for result in results if len(result.hosts) > 1]
    return f"Times from one host to another are exact to {', '.join(several)}, by their clocks." if several else ""


def _crowd(results: Sequence[Result]) -> str:
    fewest = min(results, key=lambda result: result.crowd)
    most = max(results, key=lambda result: result.crowd)
    actors, workers = fewest.exercise.actors, fewest.trace.workers
    if workers is None or workers >= actors or fewest.crowd >= most.crowd * (1 - SLIGHT):
        return ""
    sentence = (
        f"{fewest.backend} has {workers} workers for {actors} {fewest.exercise.actor_noun} and ran at most "
        f"{fewest.crowd} of them at a time ({most.crowd} on {most.backend})"
    )
    ours, theirs = fewest.wait(0.5), most.wait(0.5)
    if ours is not None and theirs is not None and ours < theirs * (1 - SLIGHT):
        section = fewest.exercise.section
        sentence += (
            f": who waits for a worker does not yet wait for {section} ({seconds(ours)} in the median, not "
            f"{seconds(theirs)})"
        )
    return sentence + "."


def _price(first: Sequence[Result], other: Sequence[Result]) -> str:
    """Return how long another variant took beside the first one, on each backend that ran both."""
    theirs = {result.backend: result.elapsed for result in first}
    times = [
        f"{seconds(result.elapsed)} on {result.backend} ({result.elapsed / theirs[result.backend]:.0%} of "
        f"{first[0].variant}'s {seconds(theirs[result.backend])})"
        for result in other
        if theirs.get(result.backend)
    ]
    phrase = other[0].exercise.variants()[other[0].variant]
    return f"{phrase[0].upper()}{phrase[1:]} it took {', '.join(times)}." if times else ""
