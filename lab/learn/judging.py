"""Pure functions from the trace of a run to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from lab.checks import verdicts
from lab.checks.verdicts import Verdict
from lab.learn.actor import SENDS, WAITS
from lab.trace import DIES, RESUMES, Event, Trace

JOB = "the job"  # what the lock protects
WRITES, REFUSED, ACTS, NOT_HELD, LATE = "writes", "is refused", "acts", "no longer holds", "gives up"
TIMES_OUT = "times out"
ANSWERS = ("enters", LATE, TIMES_OUT)  # to a request
MAX_WAITING_REQUESTS = 20  # of one that waits for a minute without polling
TOLERANCE = 0.5  # seconds

Judge: TypeAlias = Callable[[Trace], Verdict]


def all_of(*judges: Judge) -> Judge:
    """Return a judge for whom all of these have to be satisfied."""
    return lambda trace: verdicts.worst([judge(trace) for judge in judges])


def at_most(limit: int) -> Judge:
    """Return a judge of how many may be inside at once."""
    return lambda trace: verdicts.within_limit(trace, JOB, limit)


def served(trace: Trace) -> Verdict:
    """Check that everybody who asked was let in, unless killed."""
    end = trace.events[-1].when
    for request, answer in _requests(trace):
        if answer is None or answer.what == TIMES_OUT:
            left = [event.when for event in trace.of("leaves") if event.who != request.who]
            since = f"has been inside since {left[-1]:g} s" if left else "was inside"
            although = f", although nobody {since}" if _is_empty(trace) else ""
            until = end if answer is None else answer.when
            return verdicts.invalid(
                f"{request.who} asked at {request.when:g} s and was not let in until {until:g} s{although}"
            )
    return verdicts.valid("everybody was let in")


def prompt(within: float) -> Judge:
    """Return a judge of how soon one that waits is let in when the lock is free and it is able to run."""

    def judge(trace: Trace) -> Verdict:
        for request, answer in _requests(trace):
            end = answer or trace.events[-1]
            before = [event for event in trace.events[: trace.events.index(end)] if event is not request]
            free = [event.when for event in before if event.what == "leaves"]
            resumed = [event.when for event in before if event.what == RESUMES and event.who == request.who]
            since = max([request.when, *free[-1:], *resumed[-1:]])
            if free and end.when - since > within:
                did = {"enters": "entered only", TIMES_OUT: "gave up"}.get(end.what, "was still waiting")
                return verdicts.invalid(
                    f"{request.who} {did} at {end.when:g} s, although nobody has been inside since {free[-1]:g} s",
                    request,
                    end,
                )
        return verdicts.valid("whoever waited was let in at once")

    return judge


def does_not_poll(trace: Trace) -> Verdict:
    """Check that nobody asks again and again while it waits."""
    for request, answer in _requests(trace):
        end = trace.events.index(answer) if answer else len(trace.events)
        waiting = trace.events[trace.events.index(request) : end]
        count = sum(event.what == SENDS and event.who == request.who for event in waiting)
        if count > MAX_WAITING_REQUESTS:
            return verdicts.invalid(f"{request.who} sent {count} requests while it waited: it polls", request)
    return verdicts.valid("nobody polls")


def times_out(who: str, timeout: float) -> Judge:
    """Return a judge of whether `who` gives up after its timeout."""

    def judge(trace: Trace) -> Verdict:
        (asked,) = (event for event in trace.of("requests") if event.who == who)
        given_up = [event for event in trace.of(TIMES_OUT) if event.who == who]
        if not given_up:
            return verdicts.invalid(
                f"{who} asked at {asked.when:g} s with a timeout of {timeout:g} s and has not got False"
            )
        waited = given_up[0].when - asked.when
        if abs(waited - timeout) > 2 * TOLERANCE:
            return verdicts.invalid(f"{who} gave up after {waited:g} s; its timeout is {timeout:g} s", *given_up)
        return verdicts.valid("the timeout is kept")

    return judge


def not_overtaken(limit: int) -> Judge:
    """Return a judge of how often one that waits may be overtaken."""

    def judge(trace: Trace) -> Verdict:
        for request, answer in _requests(trace):
            end = trace.events.index(answer) if answer else len(trace.events)
            own = trace.events[trace.events.index(request) : end]
            waits = [event for event in own if event.who == request.who and event.what in WAITS]
            since = own.index(waits[0]) if waits else len(own)
            others = [event for event in own[since:] if event.what == "enters" and event.who != request.who]
            if len(others) > limit:
                sentence = "{0} has waited since {1:g} s, and {2} has entered {3} times since then"
                return verdicts.invalid(
                    sentence.format(request.who, waits[0].when, others[0].who, len(others)), waits[0], *others
                )
        return verdicts.valid("nobody is overtaken")

    return judge


def late_writes_are_refused(trace: Trace) -> Verdict:
    """Check that the store refuses a writer whose lease ended before the last writer was let in, and nobody else."""
    entered, ended = dict[str, float](), dict[str, float]()
    last: Event | None = None
    for event in trace.events:
        if event.what == "enters":
            entered[event.who] = event.when
            ended.pop(event.who, None)
        elif event.what in ("leaves", LATE):
            ended[event.who] = event.when if event.value is None else event.value
        elif event.what == WRITES:
            if last and entered.get(last.who, 0) >= ended.get(event.who, trace.events[-1].when):
                return verdicts.invalid(
                    f"{event.who} wrote at {event.when:g} s under fence {event.fence}, and its lease had ended; "
                    f"{last.who} had written at {last.when:g} s under fence {last.fence}, so the store could not tell",
                    last,
                    event,
                )
            last = event
        elif event.what == REFUSED and last and event.who not in ended:
            return verdicts.invalid(
                f"{event.who} held the lock and was refused at {event.when:g} s: its fence {event.fence} is lower than "
                f"{last.fence}, under which {last.who} wrote before",
                last,
                event,
            )
    return verdicts.valid("late writes were refused")


def knows_its_lease(trace: Trace) -> Verdict:
    """Check that each holder acts as long as its lease lasts, and not longer."""
    inside, ended = set[str](), dict[str, float]()
    for event in trace.events:
        if event.what == "enters":
            inside.add(event.who)
        elif event.what in ("leaves", LATE):
            inside.discard(event.who)
            ended[event.who] = event.when
        elif event.what == ACTS and event.when > ended.get(event.who, event.when) + TOLERANCE:
            sentence = "believed at {0:g} s that it held the lock, but its lease had ended at {1:g} s"
            return verdicts.invalid(f"{event.who} {sentence.format(event.when, ended[event.who])}", event)
        elif event.what == NOT_HELD and event.who in inside:
            return verdicts.invalid(
                f"{event.who} believed at {event.when:g} s that it had lost the lock, but its lease had not ended",
                event,
            )
    return verdicts.valid("each holder knew whether it held the lock")


def _requests(trace: Trace) -> Iterator[tuple[Event, Event | None]]:
    """Return each request of those that were not killed, with its answer; None if there was none."""
    for place, request in enumerate(trace.events):
        if request.what == "requests":
            own = (event for event in trace.events[place:] if event.who == request.who)
            end = next((event for event in own if event.what in (*ANSWERS, DIES)), None)
            if end is None or end.what != DIES:
                yield request, end


def _is_empty(trace: Trace) -> bool:
    return len(trace.of("enters")) == len(trace.of("leaves"))
