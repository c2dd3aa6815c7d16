"""What differed between the backends, and why, in sentences that follow from the figures."""

from __future__ import annotations

from collections.abc import Sequence

from lab.result import Result
from lab.units import seconds

SLIGHT = 0.1  # differences below this share are not worth a sentence


def explain(results: Sequence[Result]) -> str:
    """Return a few sentences on a comparison."""
    return " ".join(filter(None, (_outcome(results), _safety(results), _handover(results), _crowd(results))))


def _outcome(results: Sequence[Result]) -> str:
    if len(results) > 1 and all(result.outcome == results[0].outcome for result in results):
        return f"The outcome is the same everywhere: {_words(results[0])}."
    return "The outcome: " + "; ".join(f"{result.backend} {_words(result)}" for result in results) + "."


def _words(result: Result) -> str:
    return ", ".join(f"{count} {what}" for what, count in result.outcome.items())


def _safety(results: Sequence[Result]) -> str:
    section, limit = results[0].exercise.section, results[0].exercise.limit
    peaks = ", ".join(f"{result.peak} on {result.backend}" for result in results if result.peak > limit)
    if not peaks:
        return ""
    guarded = results[0].trace.parameters.get("lock")
    why = "the lock did not keep them out" if guarded else "there was no lock to wait for"
    return f"More than {limit} were inside {section} at once (up to {peaks}): {why}."


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


def _crowd(results: Sequence[Result]) -> str:
    fewest = min(results, key=lambda result: result.crowd)
    most = max(results, key=lambda result: result.crowd)
    actors, workers = fewest.exercise.actors, fewest.trace.workers
    if workers is None or workers >= actors or fewest.crowd >= most.crowd * (1 - SLIGHT):
        return ""
    sentence = (
        f"{fewest.backend} has {workers} workers for {actors} {fewest.exercise.people} and ran at most {fewest.crowd} "
        f"of them at a time ({most.crowd} on {most.backend})"
    )
    ours, theirs = fewest.wait(0.5), most.wait(0.5)
    if ours is not None and theirs is not None and ours < theirs * (1 - SLIGHT):
        section = fewest.exercise.section
        sentence += (
            f": who waits for a worker does not yet wait for {section} ({seconds(ours)} in the median, not "
            f"{seconds(theirs)})"
        )
    return sentence + "."
