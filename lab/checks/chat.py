"""Checks of `chat`: what the clients sent, and what the server replied."""

from __future__ import annotations

from lab.checks import verdicts
from lab.trace import Event, Trace

GREETING = "hello"


def exchanges(trace: Trace) -> list[tuple[Event, Event]]:
    """Return each message with the reply that its client received next."""
    sent: dict[str, Event] = {}
    pairs = []
    for event in trace.of("sends", "receives"):
        if event.what == "sends":
            sent[event.who] = event
        elif event.who in sent:
            pairs.append((sent.pop(event.who), event))
    return pairs


def all_answered(trace: Trace, expected: int) -> verdicts.Verdict:
    """Check that the expected number of messages came back in upper case."""
    pairs = exchanges(trace)
    for message, reply in pairs:
        if reply.why != (message.why or "").upper():
            return verdicts.invalid(f"{message.who} sent {message.why!r} and received {reply.why!r}", message, reply)
    if len(pairs) != expected:
        return verdicts.unknown(f"{len(pairs)} of {expected} messages were answered")
    return verdicts.valid(f"all {expected} messages came back in upper case")


def all_greeted(trace: Trace, expected: int) -> verdicts.Verdict:
    """Check that the expected number of clients was greeted, and that the server learned their process IDs."""
    greeted = trace.of("is greeted")
    for event in greeted:
        if event.why != GREETING:
            return verdicts.invalid(f"{event.who} was greeted with {event.why!r}", event)
    learned = sorted(event.value or 0 for event in trace.of("receives pid"))
    if len(greeted) != expected or len(learned) != expected:
        return verdicts.unknown(
            f"{len(greeted)} of {expected} clients were greeted, and {len(learned)} sent their process ID"
        )
    if learned != sorted(event.pid for event in greeted):
        return verdicts.invalid("the process IDs that the server learned are not those of its clients")
    return verdicts.valid("the server knows the clients' process IDs")
