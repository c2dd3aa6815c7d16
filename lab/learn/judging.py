"""Pure functions from the trace of a run to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from gettext import gettext as _
from gettext import ngettext
from typing import TypeAlias

from lab.checks import verdicts
from lab.checks.verdicts import Judgement, Verdict
from lab.formatting import join_names
from lab.language import N_
from lab.learn.actor import SENDS, WAITS
from lab.trace import DIES, RESUMES, Event, Trace

JOB = "the job"  # what the lock protects
WRITES, REFUSED, ACTS, NOT_HELD, LATE = "writes", "is refused", "acts", "no longer holds", "gives up"
TIMES_OUT = "times out"
ANSWERS = ("enters", LATE, TIMES_OUT)  # to a request
MAX_WAITING_REQUESTS = 20  # of one that waits for a minute without polling
TOLERANCE = 0.5  # seconds
HOLDS = verdicts.valid("")  # only what goes wrong is shown
NOT_SERVED = {  # by whether somebody else was inside, or has been since
    "inside": N_("{who} asked at {asked:g} s and was not let in until {until:g} s"),
    "free": N_("{who} asked at {asked:g} s and was not let in until {until:g} s, although nobody was inside"),
    "left": N_(
        "{who} asked at {asked:g} s and was not let in until {until:g} s, although nobody has been inside since "
        "{left:g} s"
    ),
}
NOT_PROMPT = {  # by how the wait ended
    "enters": N_("{who} entered only at {end:g} s, although nobody has been inside since {free:g} s"),
    TIMES_OUT: N_("{who} gave up at {end:g} s, although nobody has been inside since {free:g} s"),
    "": N_("{who} was still waiting at {end:g} s, although nobody has been inside since {free:g} s"),
}

Judge: TypeAlias = Callable[[Trace], Verdict]


def all_of(*judges: Judge) -> Judge:
    """Return a judge for whom all of these have to be satisfied."""
    return lambda trace: verdicts.worst([judge(trace) for judge in judges])


def at_most(limit: int) -> Judge:
    """Return a judge of how many may be inside at once."""

    def judge(trace: Trace) -> Verdict:
        found = verdicts.within_limit(trace, JOB, limit)
        if found.judgement is Judgement.UNKNOWN:
            return verdicts.unknown(_("nobody was let in"))
        if found.judgement is Judgement.INVALID:
            *others, last = (event.who for event in found.events)
            sentence = ngettext(
                "{who} entered the job while {others} was still inside",
                "{who} entered the job while {others} were still inside",
                len(others),
            )
            return verdicts.invalid(sentence.format(who=last, others=join_names(others)), *found.events)
        return HOLDS

    return judge


def served(trace: Trace) -> Verdict:
    """Check that everybody who asked was let in, unless killed."""
    end = trace.events[-1].when
    for request, answer in _requests(trace):
        if answer is None or answer.what == TIMES_OUT:
            left = [event.when for event in trace.of("leaves") if event.who != request.who]
            sentence = NOT_SERVED["inside" if not _is_empty(trace) else "left" if left else "free"]
            until = end if answer is None else answer.when
            values = {"who": request.who, "asked": request.when, "until": until, "left": max(left, default=0.0)}
            return verdicts.invalid(_(sentence).format(**values))
    return HOLDS


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
                sentence = NOT_PROMPT.get(end.what, NOT_PROMPT[""])
                return verdicts.invalid(_(sentence).format(who=request.who, end=end.when, free=free[-1]), request, end)
        return HOLDS

    return judge


def does_not_poll(trace: Trace) -> Verdict:
    """Check that nobody asks again and again while it waits."""
    for request, answer in _requests(trace):
        end = trace.events.index(answer) if answer else len(trace.events)
        waiting = trace.events[trace.events.index(request) : end]
        count = sum(event.what == SENDS and event.who == request.who for event in waiting)
        if count > MAX_WAITING_REQUESTS:
            sentence = _("{who} sent {count} requests while it waited: it polls")
            return verdicts.invalid(sentence.format(who=request.who, count=count), request)
    return HOLDS


def times_out(who: str, timeout: float) -> Judge:
    """Return a judge of whether `who` gives up after its timeout."""

    def judge(trace: Trace) -> Verdict:
        (asked,) = (event for event in trace.of("requests") if event.who == who)
        given_up = [event for event in trace.of(TIMES_OUT) if event.who == who]
        if not given_up:
            sentence = _("{who} asked at {asked:g} s with a timeout of {timeout:g} s and has not got False")
            return verdicts.invalid(sentence.format(who=who, asked=asked.when, timeout=timeout))
        waited = given_up[0].when - asked.when
        if abs(waited - timeout) > 2 * TOLERANCE:
            sentence = _("{who} gave up after {waited:g} s; its timeout is {timeout:g} s")
            return verdicts.invalid(sentence.format(who=who, waited=waited, timeout=timeout), *given_up)
        return HOLDS

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
                sentence = _("{who} has waited since {since:g} s, and {other} has entered {count} times since then")
                values = {"who": request.who, "since": waits[0].when, "other": others[0].who, "count": len(others)}
                return verdicts.invalid(sentence.format(**values), waits[0], *others)
        return HOLDS

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
                sentence = _(
                    "{who} wrote at {when:g} s under fence {fence}, and its lease had ended; {other} had written at "
                    "{before:g} s under fence {newest}, so the store could not tell"
                )
                return verdicts.invalid(sentence.format(**_writes(event, last)), last, event)
            last = event
        elif event.what == REFUSED and last and event.who not in ended:
            sentence = _(
                "{who} held the lock and was refused at {when:g} s: its fence {fence} is lower than {newest}, under "
                "which {other} wrote before"
            )
            return verdicts.invalid(sentence.format(**_writes(event, last)), last, event)
    return HOLDS


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
            sentence = _("{who} believed at {when:g} s that it held the lock, but its lease had ended at {ended:g} s")
            values = {"who": event.who, "when": event.when, "ended": ended[event.who]}
            return verdicts.invalid(sentence.format(**values), event)
        elif event.what == NOT_HELD and event.who in inside:
            sentence = _("{who} believed at {when:g} s that it had lost the lock, but its lease had not ended")
            return verdicts.invalid(sentence.format(who=event.who, when=event.when), event)
    return HOLDS


def _writes(event: Event, last: Event) -> dict[str, object]:
    """Return what a sentence on a write and the last one before it says."""
    values = {"who": event.who, "when": event.when, "fence": event.fence}
    return values | {"other": last.who, "before": last.when, "newest": last.fence}


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
