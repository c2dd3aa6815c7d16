"""What each backend made of the faults of a run, in sentences that follow from the trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from gettext import gettext as _
from gettext import ngettext, pgettext

from lab.checks import metrics
from lab.checks.faults import faults
from lab.checks.waits import state_at_stop
from lab.formatting import (
    fill_in,
    format_seconds,
    join_clauses,
    join_list,
    join_names,
    join_phrases,
    join_sentences,
)
from lab.language import N_
from lab.report.waits import explain_state
from lab.result import Result
from lab.runtime.fault_plan import CUT, ENDING, INSIDE, RESTART, RESTART_EMPTY, WAITING
from lab.trace import (
    DIES,
    FAULT_ENDS,
    FAULTS,
    LET_IN,
    PAUSES,
    RESTARTS,
    RESTARTS_EMPTY,
    STOP,
    Event,
    Process,
    Trace,
)

RESTARTED = {
    RESTARTS: N_("the server restarted with its data {moments}"),
    RESTARTS_EMPTY: N_("the server restarted without its data {moments}"),
}
RESTART_SENTENCES = {  # the same, at the beginning of a sentence
    RESTARTS: N_("The server restarted with its data {moments}"),
    RESTARTS_EMPTY: N_("The server restarted without its data {moments}"),
}
NO_SERVER = {
    CUT: N_("There is no server to be cut off from"),
    RESTART: N_("There is no server to restart"),
    RESTART_EMPTY: N_("There is no server to restart"),
}
HOLDING = (LET_IN, INSIDE)
WHEN = {  # a process met its fault
    LET_IN: N_("while being let into {section}"),
    INSIDE: N_("inside {section}"),
    WAITING: N_("while waiting for {section}"),
}


def explain_faults(results: Sequence[Result]) -> str:
    """Return which faults happened, what came of them on each backend, and who waited in vain for whom."""
    if not any(result.trace.faults for result in results):
        return ""
    sentences: dict[str, dict[str, list[str]]] = {}
    for result in results:
        happened = describe_faults(result.trace) or _no_fault(result.trace)
        sentences.setdefault(happened, {}).setdefault(_consequence(result), []).append(result.backend)
    told = [
        _("{happened}: {consequences}.").format(happened=happened, consequences=_on_each(backends))
        for happened, backends in sentences.items()
    ]
    return join_sentences([*told, *_waits(results)])


def _on_each(backends: Mapping[str, Sequence[str]]) -> str:
    phrase = _("on {backends} {consequence}")
    return join_clauses(
        [phrase.format(backends=join_list(names), consequence=what) for what, names in backends.items()]
    )


def describe_fault(event: Event) -> str:
    """Return who met which fault and at which moment, as a sentence without its full stop."""
    if event.what in RESTARTED:
        return _(RESTARTED[event.what]).format(moments=_while([event.who], event))
    return _met(event.what, [event.who], _moment(event))


def name_faults(runs: Sequence[tuple[str, Trace]]) -> str:
    """Return which faults happened on which backends; empty if none was planned."""
    backends: dict[str, list[str]] = {}
    for backend, trace in runs:
        if trace.faults:
            backends.setdefault(describe_faults(trace) or _no_fault(trace), []).append(backend)
    sentence = _("{happened} on {backends}.")
    return join_sentences(
        [sentence.format(happened=happened, backends=join_list(names)) for happened, names in backends.items()]
    )


def describe_faults(trace: Trace) -> str:
    """Return who met which fault and at which moment; empty if nobody did."""
    groups: dict[tuple[str, str], list[Event]] = {}
    for event in sorted(faults(trace), key=lambda event: (event.why or "", len(event.who), event.who)):
        groups.setdefault((event.what, _moment(event)), []).append(event)
    told = [([event.who for event in events], events[0]) for events in groups.values()]
    restarts = [(names, event) for names, event in told if event.what in RESTARTED]
    phrases = [_met(event.what, names, _moment(event)) for names, event in told if event.what not in RESTARTED]
    if restarts:
        moments = pgettext("moments", ", and ").join(_while(names, event) for names, event in restarts)
        phrases.insert(0, _(RESTART_SENTENCES[restarts[0][1].what]).format(moments=moments))
    return join_phrases(phrases)


def _met(fault: str, names: Sequence[str], moment: str) -> str:
    """Return which processes met a fault."""
    if fault == DIES:
        sentence = ngettext("{names} was killed {moment}", "{names} were killed {moment}", len(names))
    elif fault == PAUSES:
        sentence = ngettext("{names} was paused {moment}", "{names} were paused {moment}", len(names))
    else:
        sentence = ngettext("{names} was cut off {moment}", "{names} were cut off {moment}", len(names))
    return fill_in(sentence, names=join_names(names), moment=moment)


def _no_fault(trace: Trace) -> str:
    cannot = NO_SERVER.get(trace.faults["kind"]) if trace.faults and trace.backend == "local" else None
    return _(cannot) if cannot else _("No fault happened")


def _moment(event: Event) -> str:
    if event.why in WHEN and event.on:
        return _(WHEN[event.why]).format(section=event.on)
    return _("before it ended") if event.why == ENDING else pgettext("moment", "running")


def _while(names: Sequence[str], event: Event) -> str:
    """Return what these processes were doing when they met a fault, which `event` records."""
    if event.why == ENDING:
        phrase = ngettext("while {names} was about to end", "while {names} were about to end", len(names))
    elif event.on and event.why == LET_IN:
        phrase = ngettext(
            "while {names} was being let into {section}", "while {names} were being let into {section}", len(names)
        )
    elif event.on and event.why == INSIDE:
        phrase = ngettext("while {names} was inside {section}", "while {names} were inside {section}", len(names))
    elif event.on and event.why == WAITING:
        phrase = ngettext(
            "while {names} was waiting for {section}", "while {names} were waiting for {section}", len(names)
        )
    else:
        phrase = ngettext("while {names} was running", "while {names} were running", len(names))
    return fill_in(phrase, names=join_names(names), section=event.on)


def _consequence(result: Result) -> str:
    if result.trace.of(STOP):
        return _("the run came to a standstill")
    happened = faults(result.trace)
    if not happened:
        return _("all went on")
    if any(event.what in RESTARTED for event in happened):
        return _after_restarts(result)
    return _after_deaths(result, happened) if happened[0].what == DIES else _after_absences(result)


def _after_restarts(result: Result) -> str:
    """Return who lost the lease, and what came of it; of several losses, the others are in the verdict."""
    trace, section = result.trace, result.exercise.section
    failed = list(dict.fromkeys(event.who for event in trace.of("fails")))
    losses: dict[str, list[str]] = {}
    for loss in trace.of("loses lease"):
        losses.setdefault(_after_loss(trace, section, loss), []).append(loss.who)
    loses = _("{names} lost the lease")
    phrases = [join_phrases([fill_in(loses, names=join_names(names)), what]) for what, names in losses.items()]
    if section and not losses:
        phrases.append(_("no lease was lost"))
    if failed:
        phrases.append(fill_in(_("{names} failed"), names=join_names(failed)))
    if unstarted := _unstarted(trace):
        phrases.append(fill_in(_("{names} never started"), names=join_names(unstarted)))
    return join_phrases(phrases) or _("all went on")


def _after_deaths(result: Result, deaths: Sequence[Event]) -> str:
    trace, exercise = result.trace, result.exercise
    held = [event for event in deaths if event.why in HOLDING]
    if not held or not result.wait_times:
        return _("the others went on")
    if exercise.limit > 1:
        sentence = _("never more than {most} of {limit} were inside afterwards")
        return sentence.format(most=_inside_after(result, held[-1]), limit=exercise.limit)
    gaps = [gap for event in held if (gap := _next_entry(trace, event)) is not None]
    if not gaps:
        return _("nobody entered afterwards")
    return _("the next one entered {time} later").format(time=format_seconds(max(gaps)))


def _next_entry(trace: Trace, fault: Event) -> float | None:
    """Return the seconds from a fault until the next actor entered; None if none did."""
    later = trace.events[trace.events.index(fault) + 1 :]
    return next((event.when - fault.when for event in later if event.what == "enters"), None)


def _inside_after(result: Result, fault: Event) -> int:
    """Return how many of the living were inside at the same time after a fault, at most."""
    dead = {event.process for event in result.trace.of(DIES)}
    living = replace(result.trace, events=tuple(each for each in result.trace.events if each.process not in dead))
    steps = metrics.inside_over_time(living, result.exercise.section)
    return metrics.maximum([step for step in steps if step[0] > fault.when])


def _after_absences(result: Result) -> str:
    """Return what came of the first pause or cut of which something came: a lost lease, or others that waited."""
    found = (_after_absence(result, event) for event in result.trace.of(*FAULT_ENDS))
    return next(filter(None, found), _("the others went on"))


def _after_absence(result: Result, back: Event) -> str:
    """Return what came of a pause or a cut; empty if nothing did."""
    trace, section = result.trace, result.exercise.section
    own = [event for event in trace.events if event.process == back.process]
    if loss := next((event for event in own if event.what == "loses lease"), None):
        return join_phrases([_("its lease expired"), _after_loss(trace, section, loss)])
    fault = next(event for event in own if event.what in FAULTS)
    if result.exercise.limit > 1 or fault.why not in HOLDING:
        return ""
    before = trace.events[: trace.events.index(back)]
    asked = Counter(event.who for event in before if event.what == "requests" and event.on == section)
    asked.subtract(event.who for event in before if event.what == "enters" and event.on == section)
    waiting = any(count > 0 for who, count in asked.items() if who != back.who)
    return _("all others waited for it") if waiting else _("nobody else asked meanwhile")


def _unstarted(trace: Trace) -> list[str]:
    """Return the names of those whose jobs no worker has run."""
    started = {event.who for event in trace.of("starts")}
    return [event.on for event in trace.of("joins") if event.on and event.value and event.on not in started]


def _after_loss(trace: Trace, section: str, loss: Event) -> str:
    """Return who entered before an actor knew of its loss, and what came of what it wrote after that."""
    since = _events_since_grant(trace, loss)
    for number, event in enumerate(since):
        if (event.what, event.on) == ("enters", section) and event.process != loss.process:
            return _late_write(since[number:], loss.process)
    return _("nobody else entered meanwhile")


def _events_since_grant(trace: Trace, loss: Event) -> Sequence[Event]:
    """Return what happened from when an actor was let in, as far as it has recorded that, until it knew of its loss."""
    events = trace.events[: trace.events.index(loss)]
    own = [number for number, event in enumerate(events) if event.process == loss.process]
    request = max((number for number in own if events[number].what == "requests"), default=0)
    grants = (n for n in own if n > request and (events[n].what == "enters" or events[n].why == LET_IN))
    return events[next(grants, len(events)) :]


def _late_write(events: Sequence[Event], process: Process) -> str:
    """Return that others entered, and what came of the write of an actor after that, if it wrote."""
    what = [event.what for event in events if event.process == process]
    if "is refused" in what:
        return _("others entered, and its late write was refused by the store")
    if "buys" in what:
        return _("others entered, and its late write was accepted, as nothing checked its fence")
    return _("others entered")


def _waits(results: Sequence[Result]) -> list[str]:
    """Return who waited for whom in the runs that were ended by the lab."""
    backends: dict[str, list[str]] = {}
    for result in results:
        if result.trace.of(STOP):
            limits = {result.exercise.section: result.exercise.limit} if result.exercise.section else {}
            backends.setdefault(explain_state(state_at_stop(result.trace, limits)), []).append(result.backend)
    return [text.format(join_list(names)) for text, names in backends.items() if text]
