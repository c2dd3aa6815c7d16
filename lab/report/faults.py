"""What each backend made of the faults of a run, in sentences that follow from the trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from lab.checks import metrics
from lab.checks.faults import faults
from lab.checks.waits import state_at_stop
from lab.formatting import format_seconds, join_names
from lab.report.waits import explain_state
from lab.result import Result
from lab.runtime.fault_plan import CUT, ENDING, INSIDE, RESTART, RESTART_EMPTY, WAITING
from lab.trace import (
    CUT_OFF,
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

VERBS = {DIES: "killed", PAUSES: "paused", CUT_OFF: "cut off"}
RESTARTED = {RESTARTS: "restarted with its data", RESTARTS_EMPTY: "restarted without its data"}
NO_SERVER = {
    CUT: "There is no server to be cut off from",
    RESTART: "There is no server to restart",
    RESTART_EMPTY: "There is no server to restart",
}
HOLDING = (LET_IN, INSIDE)
PHRASES = {LET_IN: "while being let into", INSIDE: "inside", WAITING: "while waiting for"}
OTHERS_WENT_ON = "the others went on"


def explain_faults(results: Sequence[Result]) -> str:
    """Return which faults happened, what came of them on each backend, and who waited in vain for whom."""
    if not any(result.trace.faults for result in results):
        return ""
    sentences: dict[str, dict[str, list[str]]] = {}
    for result in results:
        happened = describe_faults(result.trace) or _no_fault(result.trace)
        sentences.setdefault(happened, {}).setdefault(_consequence(result), []).append(result.backend)
    told = [
        f"{happened}: " + "; ".join(f"on {', '.join(names)} {what}" for what, names in backends.items()) + "."
        for happened, backends in sentences.items()
    ]
    return " ".join([*told, *_waits(results)])


def describe_fault(event: Event) -> str:
    """Return who met which fault and at which moment, as a sentence without its full stop."""
    if event.what in RESTARTED:
        return f"the server {RESTARTED[event.what]} {_while([event.who], event)}"
    return f"{event.who} was {VERBS[event.what]} {_moment(event)}"


def name_faults(runs: Sequence[tuple[str, Trace]]) -> str:
    """Return which faults happened on which backends; empty if none was planned."""
    backends: dict[str, list[str]] = {}
    for backend, trace in runs:
        if trace.faults:
            backends.setdefault(describe_faults(trace) or _no_fault(trace), []).append(backend)
    return " ".join(f"{happened} on {', '.join(names)}." for happened, names in backends.items())


def describe_faults(trace: Trace) -> str:
    """Return who met which fault and at which moment; empty if nobody did."""
    groups: dict[tuple[str, str], list[Event]] = {}
    for event in sorted(faults(trace), key=lambda event: (event.why or "", len(event.who), event.who)):
        groups.setdefault((event.what, _moment(event)), []).append(event)
    told = [([event.who for event in events], events[0]) for events in groups.values()]
    restarts = [(names, event) for names, event in told if event.what in RESTARTED]
    phrases = [f"{_were(names)} {VERBS[event.what]} {_moment(event)}" for names, event in told if event.what in VERBS]
    if restarts:
        moments = ", and ".join(_while(names, event) for names, event in restarts)
        phrases.insert(0, f"The server {RESTARTED[restarts[0][1].what]} {moments}")
    return ", ".join(phrases)


def _were(names: Sequence[str]) -> str:
    return f"{join_names(names)} {'was' if len(names) == 1 else 'were'}"


def _no_fault(trace: Trace) -> str:
    cannot = NO_SERVER.get(trace.faults["kind"]) if trace.faults and trace.backend == "local" else None
    return cannot or "No fault happened"


def _moment(event: Event) -> str:
    phrase = PHRASES.get(event.why or "")
    return f"{phrase} {event.on}" if phrase and event.on else "before it ended" if event.why == ENDING else "running"


def _while(names: Sequence[str], event: Event) -> str:
    """Return what these processes were doing when they met a fault, which `event` records."""
    doing = "about to end" if event.why == ENDING else _moment(event).removeprefix("while ")
    return f"while {_were(names)} {doing}"


def _consequence(result: Result) -> str:
    if result.trace.of(STOP):
        return "the run came to a standstill"
    happened = faults(result.trace)
    if not happened:
        return "all went on"
    if any(event.what in RESTARTED for event in happened):
        return _after_restarts(result)
    return _after_deaths(result, happened) if happened[0].what == DIES else _after_absences(result)


def _after_restarts(result: Result) -> str:
    """Return who lost the lease, and what came of it; of several losses, the others are in the verdict."""
    trace, section = result.trace, result.exercise.section
    failed = list(dict.fromkeys(event.who for event in trace.of("fails")))
    also = f", {join_names(failed)} failed" if failed else ""
    if unstarted := _unstarted(trace):
        also += f", {join_names(unstarted)} never started"
    losses: dict[str, list[str]] = {}
    for loss in trace.of("loses lease"):
        losses.setdefault(_after_loss(trace, section, loss), []).append(loss.who)
    if not losses:
        return (f"no lease was lost{also}" if section else also.removeprefix(", ")) or "all went on"
    return ", ".join(f"{join_names(names)} lost the lease{what}" for what, names in losses.items()) + also


def _after_deaths(result: Result, deaths: Sequence[Event]) -> str:
    trace, exercise = result.trace, result.exercise
    held = [event for event in deaths if event.why in HOLDING]
    if not held or not result.wait_times:
        return OTHERS_WENT_ON
    if exercise.limit > 1:
        return f"never more than {_inside_after(result, held[-1])} of {exercise.limit} were inside afterwards"
    gaps = [gap for event in held if (gap := _next_entry(trace, event)) is not None]
    return f"the next one entered {format_seconds(max(gaps))} later" if gaps else "nobody entered afterwards"


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
    found = [_after_absence(result, event) for event in result.trace.of(*FAULT_ENDS)]
    return next((what for what in found if what != OTHERS_WENT_ON), OTHERS_WENT_ON)


def _after_absence(result: Result, back: Event) -> str:
    trace, section = result.trace, result.exercise.section
    own = [event for event in trace.events if event.process == back.process]
    if loss := next((event for event in own if event.what == "loses lease"), None):
        return f"its lease expired{_after_loss(trace, section, loss)}"
    fault = next(event for event in own if event.what in FAULTS)
    if result.exercise.limit > 1 or fault.why not in HOLDING:
        return OTHERS_WENT_ON
    before = trace.events[: trace.events.index(back)]
    asked = Counter(event.who for event in before if event.what == "requests" and event.on == section)
    asked.subtract(event.who for event in before if event.what == "enters" and event.on == section)
    waiting = any(count > 0 for who, count in asked.items() if who != back.who)
    return "all others waited for it" if waiting else "nobody else asked meanwhile"


def _unstarted(trace: Trace) -> list[str]:
    """Return the names of those whose jobs no worker has run."""
    started = {event.who for event in trace.of("starts")}
    return [event.on for event in trace.of("joins") if event.on and event.value and event.on not in started]


def _after_loss(trace: Trace, section: str, loss: Event) -> str:
    """Return who entered before an actor knew of its loss, and what came of what it wrote after that."""
    since = _events_since_grant(trace, loss)
    for number, event in enumerate(since):
        if (event.what, event.on) == ("enters", section) and event.process != loss.process:
            return f", others entered{_late_write(since[number:], loss.process)}"
    return ", nobody else entered meanwhile"


def _events_since_grant(trace: Trace, loss: Event) -> Sequence[Event]:
    """Return what happened from when an actor was let in, as far as it has recorded that, until it knew of its loss."""
    events = trace.events[: trace.events.index(loss)]
    own = [number for number, event in enumerate(events) if event.process == loss.process]
    request = max((number for number in own if events[number].what == "requests"), default=0)
    grants = (n for n in own if n > request and (events[n].what == "enters" or events[n].why == LET_IN))
    return events[next(grants, len(events)) :]


def _late_write(events: Sequence[Event], process: Process) -> str:
    """Return what came of the write of an actor after another had entered; empty if it did not write."""
    what = [event.what for event in events if event.process == process]
    if "is refused" in what:
        return ", and its late write was refused by the store"
    return ", and its late write was accepted, as nothing checked its fence" if "buys" in what else ""


def _waits(results: Sequence[Result]) -> list[str]:
    """Return who waited for whom in the runs that were ended by the lab."""
    backends: dict[str, list[str]] = {}
    for result in results:
        if result.trace.of(STOP):
            limits = {result.exercise.section: result.exercise.limit} if result.exercise.section else {}
            backends.setdefault(explain_state(state_at_stop(result.trace, limits)), []).append(result.backend)
    return [text.format(", ".join(names)) for text, names in backends.items() if text]
