"""Checks of `liveness`: the process that was killed is declared dead in time, and no other."""

from __future__ import annotations

from gettext import gettext as _

from lab.checks import verdicts
from lab.checks.clocks import min_elapsed
from lab.checks.delays import allowance
from lab.trace import MICROSECONDS, Event, Trace


def detection_delay(trace: Trace) -> float | None:
    """Return the seconds from the death of the killed process until it was declared dead; None if it was not."""
    detection = _detection(trace)
    return max(0.0, detection[1].when - detection[0].when) if detection else None


def detected_in_time(trace: Trace, bound: float) -> verdicts.Verdict:
    """Check that the killed process was declared dead within `bound` seconds, or more on a busy machine."""
    deaths = trace.of("dies")
    if not deaths:
        return verdicts.unknown(_("no process was killed"))
    killed, detection = deaths[0].who, _detection(trace)
    if detection is None:
        return verdicts.invalid(_("{who} was killed, but not declared dead").format(who=killed), deaths[0])
    delay = min_elapsed(*detection)
    if delay - allowance(trace) > bound:
        sentence = _("{who} was declared dead after {delay:.2f} s; promised were {bound:.2f} s")
        return verdicts.invalid(sentence.format(who=killed, delay=delay, bound=bound), *detection)
    return verdicts.valid(_("{who} was killed, and declared dead in time").format(who=killed))


def no_false_alarms(trace: Trace, interval: float) -> verdicts.Verdict:
    """Check that no living process was declared dead; unknown if the only reason may be a busy machine."""
    alarms = [_false_alarm(trace, event, interval) for event in false_alarms(trace)]
    return verdicts.worst(alarms or [verdicts.valid(_("no living process was declared dead"))])


def false_alarms(trace: Trace) -> list[Event]:
    """Return the events in which a living process was declared dead."""
    deaths = {event.who: event for event in trace.of("dies")}
    declared = trace.of("is dead")
    return [event for event in declared if event.on not in deaths or not _after(trace, event, deaths[event.on])]


def _false_alarm(trace: Trace, alarm: Event, interval: float) -> verdicts.Verdict:
    if interval <= _silence(trace, alarm) < interval + allowance(trace):
        sentence = _("{who} was declared dead, but was alive; a busy machine may have delayed its report")
        return verdicts.unknown(sentence.format(who=alarm.on), alarm)
    return verdicts.invalid(_("{who} was declared dead, but was alive").format(who=alarm.on), alarm)


def _silence(trace: Trace, alarm: Event) -> float:
    """Return for how many seconds a process was silent: until its next report, or until the alarm if there is none."""
    reports = [event for event in trace.of("receives report") if event.on == alarm.on and _after(trace, event, alarm)]
    return ([*reports, alarm][0].value or 0) / MICROSECONDS


def _detection(trace: Trace) -> tuple[Event, Event] | None:
    """Return a death and the event in which it was declared."""
    for death in trace.of("dies"):
        for declared in trace.of("is dead"):
            if declared.on == death.who and _after(trace, declared, death):
                return death, declared
    return None


def _after(trace: Trace, later: Event, earlier: Event) -> bool:
    return trace.events.index(later) > trace.events.index(earlier)
