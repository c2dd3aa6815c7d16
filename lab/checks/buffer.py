"""Checks of `buffer`: what is taken was put before, in the same order, and there is never more than there is room for.

Both are recorded under the buffer's lock, so the order of the trace is that of the buffer.
"""

from __future__ import annotations

from collections import deque
from gettext import gettext as _

from lab.checks import verdicts
from lab.trace import DIES, Event, Trace

BUFFER = "buffer"  # on: what items are put into and taken from


def items_in_order(trace: Trace, capacity: int, expected: int) -> verdicts.Verdict:
    """Check that each item was taken once, in the order in which they were put, and never from an empty buffer.

    What a process that was killed would have put is not missed.
    """
    inside = deque[Event]()
    woken: dict[str, Event] = {}  # how each process was woken last
    last: Event | None = None  # who took the last item
    for event in trace.of("puts", "gets", "wakes"):
        if event.what == "wakes":
            woken[event.who] = event
        elif event.what == "puts":
            inside.append(event)
            if len(inside) > capacity:
                return verdicts.invalid(_("{who} put an item into the full buffer").format(who=event.who), *inside)
        elif not inside:
            proof = [each for each in (woken.get(event.who), last) if each]
            return verdicts.invalid(_taken_from_empty(event, last), *proof, event)
        else:
            put = inside.popleft()
            if put.value != event.value:
                sentence = _("{who} took item {taken}, and item {put} was put before it")
                sentence = sentence.format(who=event.who, taken=event.value, put=put.value)
                return verdicts.invalid(sentence, put, event)
            last = event
    taken = len(trace.of("gets"))
    if trace.of(DIES):
        expected = min(expected, len(trace.of("puts")))
    if taken != expected:
        return verdicts.unknown(_("{count} of {expected} items were taken").format(count=taken, expected=expected))
    sentence = _("all {count} items were taken once, in order; never more than {capacity} in the buffer")
    return verdicts.valid(sentence.format(count=expected, capacity=capacity))


def _taken_from_empty(event: Event, last: Event | None) -> str:
    """Return who took an item when there was none, and who had taken the last one."""
    if last is None:
        return _("{who} took an item from the empty buffer").format(who=event.who)
    sentence = _("{who} took an item from the empty buffer: {last} had taken the last one")
    return sentence.format(who=event.who, last=last.who)


def taken_from_empty(trace: Trace) -> int:
    """Return how often an item was taken when there was none."""
    present = count = 0
    for event in trace.of("puts", "gets"):
        present += 1 if event.what == "puts" else -1
        count += event.what == "gets" and present < 0
    return count


def woken_in_vain(trace: Trace) -> int:
    """Return how often a process was woken and had to wait again."""
    woken, count = set[str](), 0
    for event in trace.of("wakes", "waits", "puts", "gets"):
        count += event.what == "waits" and event.who in woken
        woken = woken | {event.who} if event.what == "wakes" else woken - {event.who}
    return count
