"""What each backend made of the faults of a run, in sentences that follow from the trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from lab.checks import metrics
from lab.checks.faults import faults
from lab.checks.waits import state_at_stop
from lab.formatting import format_seconds
from lab.report.waits import explain_state
from lab.result import Result
from lab.runtime.fault_plan import CUT, ENDING, INSIDE, WAITING
from lab.trace import CUT_OFF, DIES, FAULT_ENDS, FAULTS, LET_IN, PAUSES, STOP, Event, Trace

VERBS = {DIES: "killed", PAUSES: "paused", CUT_OFF: "cut off"}
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
    groups: dict[tuple[str, str], list[str]] = {}
    for event in sorted(faults(trace), key=lambda event: (event.why or "", len(event.who), event.who)):
        groups.setdefault((event.what, _moment(event)), []).append(event.who)
    return ", ".join(
        f"{' and '.join(names)} {'was' if len(names) == 1 else 'were'} {VERBS[what]} {moment}"
        for (what, moment), names in groups.items()
    )


def _no_fault(trace: Trace) -> str:
    cannot = trace.faults and trace.faults["kind"] == CUT and trace.server is None
    return "There is no server to be cut off from" if cannot else "No fault happened"


def _moment(event: Event) -> str:
    phrase = PHRASES.get(event.why or "")
    return f"{phrase} {event.on}" if phrase and event.on else "before it ended" if event.why == ENDING else "running"


def _consequence(result: Result) -> str:
    if result.trace.of(STOP):
        return "the run came to a standstill"
    happened = faults(result.trace)
    if not happened:
        return "all went on"
    return _after_deaths(result, happened) if happened[0].what == DIES else _after_absences(result)


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
    if any(event.what == "loses lease" for event in own):
        return f"its lease expired, others entered{_late_write(own, back)}"
    fault = next(event for event in own if event.what in FAULTS)
    if result.exercise.limit > 1 or fault.why not in HOLDING:
        return OTHERS_WENT_ON
    before = trace.events[: trace.events.index(back)]
    asked = Counter(event.who for event in before if event.what == "requests" and event.on == section)
    asked.subtract(event.who for event in before if event.what == "enters" and event.on == section)
    waiting = any(count > 0 for who, count in asked.items() if who != back.who)
    return "all others waited for it" if waiting else "nobody else asked meanwhile"


def _late_write(own: Sequence[Event], back: Event) -> str:
    """Return what came of the write of an actor that had lost its lease; empty if it did not write."""
    after = [event.what for event in own[own.index(back) :]]
    if "is refused" in after:
        return ", and its late write was refused by the store"
    first = next((what for what in after if what in ("buys", "leaves")), "")
    return ", and its late write was accepted, as nothing checked its fence" if first == "buys" else ""


def _waits(results: Sequence[Result]) -> list[str]:
    """Return who waited for whom in the runs that were ended by the lab."""
    backends: dict[str, list[str]] = {}
    for result in results:
        if result.trace.of(STOP):
            limits = {result.exercise.section: result.exercise.limit} if result.exercise.section else {}
            backends.setdefault(explain_state(state_at_stop(result.trace, limits)), []).append(result.backend)
    return [text.format(", ".join(names)) for text, names in backends.items() if text]
