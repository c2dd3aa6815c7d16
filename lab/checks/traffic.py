"""Checks and figures of `traffic`: who passed the light, when, and what it showed."""

from __future__ import annotations

from gettext import gettext as _
from statistics import median

from lab.checks.clocks import min_elapsed
from lab.checks.delays import allowance
from lab.checks.verdicts import Verdict, invalid, unknown, valid
from lab.trace import Event, Trace

TOLERANCE = 0.5  # seconds by which a timeout may be late


def is_car(who: str) -> bool:
    """Return whether a vehicle must wait for green."""
    return who.startswith("car ")


def passed_on_red(trace: Trace) -> list[str]:
    """Return the vehicles that passed although the light was red from their arrival on.

    The light records green before it turns green, and red after it has turned red. So a vehicle that is returned here
    saw no green, however late the events were recorded.
    """
    green, seen, passed = False, {}, []
    for event in trace.of("turns green", "turns red", "arrives", "passes"):
        if event.what == "arrives":
            seen[event.who] = green
        elif event.what == "passes":
            if not seen.get(event.who):
                passed.append(event.who)
        else:
            green = event.what == "turns green"
            seen = {who: before or green for who, before in seen.items()}
    return passed


def no_car_on_red(trace: Trace) -> Verdict:
    """Check that the light was green at some moment between each car's arrival and its passing."""
    if not trace.of("turns red"):
        return unknown(_("the light recorded nothing"))
    for who in filter(is_car, passed_on_red(trace)):
        events = [event for event in trace.of("arrives", "passes") if event.who == who]
        sentence = _("{who} passed although the light was red from its arrival on").format(who=who)
        return invalid(sentence, *events)
    return valid(_("no car passed on red"))


def no_lost_wakeup(trace: Trace) -> Verdict:
    """Check that each waiting car passes before the light has turned green twice.

    A machine that delays a car for a whole cycle of the light looks the same; then the verdict is unknown.
    """
    waiting: dict[str, Event | None] = {}  # since which green
    for event in trace.of("turns green", "waits", "passes"):
        if event.what == "waits":
            waiting[event.who] = None
        elif event.what == "passes":
            waiting.pop(event.who, None)
        else:
            for who, green in waiting.items():
                if green is not None:
                    return _still_waiting(trace, who, green, event)
            waiting = dict.fromkeys(waiting, event)
    return valid(_("every waiting car passed at the next green"))


def _still_waiting(trace: Trace, who: str, green: Event, second_green: Event) -> Verdict:
    if min_elapsed(green, second_green) <= allowance(trace):
        sentence = _("{who} was still waiting when the light turned green for the second time, on a busy machine")
        return unknown(sentence.format(who=who), green, second_green)
    sentence = _("{who} was still waiting when the light turned green for the second time")
    return invalid(sentence.format(who=who), green, second_green)


def police_in_time(trace: Trace, timeout: float) -> Verdict:
    """Check that no police car surely waited for longer than its timeout of so many seconds and `TOLERANCE`."""
    for arrival, passing in _police(trace):
        waited = min_elapsed(arrival, passing)
        if waited - allowance(trace) > timeout + TOLERANCE:
            sentence = _("{who} passed after {waited:.2f} s; its timeout is {timeout:.2f} s")
            return invalid(sentence.format(who=arrival.who, waited=waited, timeout=timeout), arrival, passing)
    return valid(_("no police car waited for longer than its timeout"))


def police_waits(trace: Trace) -> list[float]:
    """Return the time from arrival to passing of each police car."""
    return [passing.when - arrival.when for arrival, passing in _police(trace)]


def wakeup_time(trace: Trace) -> float | None:
    """Return the median time from green to the passing of a car that waited."""
    turned, waiting, times = 0.0, set[str](), []
    for event in trace.of("turns green", "waits", "passes"):
        if event.what == "waits":
            waiting.add(event.who)
        elif event.what == "turns green":
            turned = event.when
        elif event.who in waiting:
            times.append(event.when - turned)
    return median(times) if times else None


def _police(trace: Trace) -> list[tuple[Event, Event]]:
    """Return the arrival and the passing of each police car."""
    arrivals = {event.who: event for event in trace.of("arrives") if not is_car(event.who)}
    return [(arrivals[event.who], event) for event in trace.of("passes") if event.who in arrivals]
