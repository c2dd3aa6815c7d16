"""Checks of `buffer`: what is taken was put before, in the same order, and there is never more than there is room for.

Both are recorded under the buffer's lock, so the order of the trace is that of the buffer.
"""

from __future__ import annotations

from collections import deque

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
                return verdicts.invalid(f"{event.who} put an item into the full buffer", *inside)
        elif not inside:
            before = f": {last.who} had taken the last one" if last else ""
            proof = [each for each in (woken.get(event.who), last) if each]
            return verdicts.invalid(f"{event.who} took an item from the empty buffer{before}", *proof, event)
        else:
            put = inside.popleft()
            if put.value != event.value:
                sentence = f"{event.who} took item {event.value}, and item {put.value} was put before it"
                return verdicts.invalid(sentence, put, event)
            last = event
    taken = len(trace.of("gets"))
    if trace.of(DIES):
        expected = min(expected, len(trace.of("puts")))
    if taken != expected:
        return verdicts.unknown(f"{taken} of {expected} items were taken")
    return verdicts.valid(f"all {expected} items were taken once, in order; never more than {capacity} in the buffer")


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
