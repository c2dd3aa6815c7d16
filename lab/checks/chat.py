"""What was said between the clients and the server of `chat`."""

from __future__ import annotations

from lab.checks import verdicts
from lab.trace import Event, Trace

HELLO = "hello"


def exchanges(trace: Trace) -> list[tuple[Event, Event]]:
    """Return what was said and what was heard next by the same client."""
    said: dict[str, Event] = {}
    pairs = []
    for event in trace.of("says", "hears"):
        if event.what == "says":
            said[event.who] = event
        elif event.who in said:
            pairs.append((said.pop(event.who), event))
    return pairs


def answered(trace: Trace, expected: int) -> verdicts.Verdict:
    """Check that so many messages came back in upper case."""
    pairs = exchanges(trace)
    for said, answer in pairs:
        if answer.why != (said.why or "").upper():
            return verdicts.invalid(f"{said.who} said {said.why!r} and heard {answer.why!r}")
    if len(pairs) != expected:
        return verdicts.unknown(f"{len(pairs)} of {expected} messages were answered")
    return verdicts.valid(f"all {expected} messages came back in upper case")


def introduced(trace: Trace, expected: int) -> verdicts.Verdict:
    """Check that so many clients were greeted, and that the server learned the number of each one's process."""
    greeted = trace.of("is greeted")
    for event in greeted:
        if event.why != HELLO:
            return verdicts.invalid(f"{event.who} was greeted with {event.why!r}")
    learned = sorted(event.value or 0 for event in trace.of("learns"))
    if len(greeted) != expected or len(learned) != expected:
        return verdicts.unknown(
            f"{len(greeted)} of {expected} clients were greeted, and {len(learned)} named themselves"
        )
    if learned != sorted(event.pid for event in greeted):
        return verdicts.invalid("the process numbers that the server learned are not those of its clients")
    return verdicts.valid("the server knows the clients' process numbers")
