"""Checks of `chat`: what the clients sent, and what the server replied."""

from __future__ import annotations

from gettext import gettext as _

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
            sentence = _("{who} sent {message!r} and received {reply!r}")
            sentence = sentence.format(who=message.who, message=message.why, reply=reply.why)
            return verdicts.invalid(sentence, message, reply)
    if len(pairs) != expected:
        sentence = _("{count} of {expected} messages were answered")
        return verdicts.unknown(sentence.format(count=len(pairs), expected=expected))
    return verdicts.valid(_("all {count} messages came back in upper case").format(count=expected))


def all_greeted(trace: Trace, expected: int) -> verdicts.Verdict:
    """Check that the expected number of clients was greeted, and that the server learned their process IDs."""
    greeted = trace.of("is greeted")
    for event in greeted:
        if event.why != GREETING:
            sentence = _("{who} was greeted with {greeting!r}").format(who=event.who, greeting=event.why)
            return verdicts.invalid(sentence, event)
    learned = sorted(event.value or 0 for event in trace.of("receives pid"))
    if len(greeted) != expected or len(learned) != expected:
        sentence = _("{greeted} of {expected} clients were greeted, and {learned} sent their process ID")
        return verdicts.unknown(sentence.format(greeted=len(greeted), expected=expected, learned=len(learned)))
    if learned != sorted(event.pid for event in greeted):
        return verdicts.invalid(_("the process IDs that the server learned are not those of its clients"))
    return verdicts.valid(_("the server knows the clients' process IDs"))
