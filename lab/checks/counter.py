"""Checks of `counter`: no increment is lost."""

from __future__ import annotations

from lab.checks import verdicts
from lab.trace import LAB, Event, Trace


def no_lost_updates(trace: Trace) -> verdicts.Verdict:
    """Check that each increment wrote a number of its own, and that there are as many as the counter says.

    A process that was killed may have written a number that it could not record.
    """
    increments = trace.of("increments")
    writers: dict[int | None, Event] = {}
    for event in increments:
        first = writers.setdefault(event.value, event)
        if first is not event:
            sentence = f"{first.who} and {event.who} both read {(event.value or 0) - 1} and both wrote {event.value}"
            lost = lost_updates(trace)
            also = f"; {lost} of {len(increments)} increments were lost" if lost is not None else ""
            return verdicts.invalid(sentence + also, first, event)
    count, lost = final_count(trace), lost_updates(trace)
    if count is None or lost is None:
        return verdicts.unknown("the counter was not read at the end")
    ended = {event.who for event in trace.of("ends")}
    interrupted = [who for who in dict.fromkeys(event.who for event in trace.of("starts")) if who not in ended]
    if lost == 0:
        return verdicts.valid(f"the counter is {count} after {count} increments")
    sentence = f"the counter is {count} after {len(increments)} recorded increments"
    if 0 < -lost <= len(interrupted):
        return verdicts.valid(f"{sentence}, and {-lost} perhaps by {' or '.join(interrupted)}, lost while counting")
    return verdicts.invalid(sentence)


def final_count(trace: Trace) -> int | None:
    """Return what the counter was after all processes had ended; None if it was not read."""
    return next((event.value for event in trace.of("counts") if event.who == LAB), None)


def lost_updates(trace: Trace) -> int | None:
    """Return how many increments the counter does not show; None if it was not read at the end."""
    count = final_count(trace)
    return None if count is None else len(trace.of("increments")) - count
