"""Checks of `counter`: no increment is lost."""

from __future__ import annotations

from gettext import gettext as _

from lab.checks import verdicts
from lab.formatting import join_alternatives, join_clauses
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
            return verdicts.invalid(join_clauses([_both_wrote(first, event), *_total_loss(trace)]), first, event)
    count, lost = final_count(trace), lost_updates(trace)
    if count is None or lost is None:
        return verdicts.unknown(_("the counter was not read at the end"))
    ended = {event.who for event in trace.of("ends")}
    interrupted = [who for who in dict.fromkeys(event.who for event in trace.of("starts")) if who not in ended]
    if lost == 0:
        return verdicts.valid(_("the counter is {count} after {count} increments").format(count=count))
    if 0 < -lost <= len(interrupted):
        sentence = _(
            "the counter is {count} after {recorded} recorded increments, and {more} perhaps by {suspects}, lost while "
            "counting"
        )
        suspects = join_alternatives(interrupted)
        sentence = sentence.format(count=count, recorded=len(increments), more=-lost, suspects=suspects)
        return verdicts.valid(sentence)
    sentence = _("the counter is {count} after {recorded} recorded increments")
    return verdicts.invalid(sentence.format(count=count, recorded=len(increments)))


def _both_wrote(first: Event, second: Event) -> str:
    sentence = _("{first} and {second} both read {before} and both wrote {after}")
    before, after = (second.value or 0) - 1, second.value
    return sentence.format(first=first.who, second=second.who, before=before, after=after)


def _total_loss(trace: Trace) -> list[str]:
    lost, increments = lost_updates(trace), len(trace.of("increments"))
    if lost is None:
        return []
    return [_("{lost} of {count} increments were lost").format(lost=lost, count=increments)]


def final_count(trace: Trace) -> int | None:
    """Return what the counter was after all processes had ended; None if it was not read."""
    return next((event.value for event in trace.of("counts") if event.who == LAB), None)


def lost_updates(trace: Trace) -> int | None:
    """Return how many increments the counter does not show; None if it was not read at the end."""
    count = final_count(trace)
    return None if count is None else len(trace.of("increments")) - count
