"""What happened at the traffic light: pure functions from a trace to verdicts and figures."""

from __future__ import annotations

from statistics import median

from lab.checks.clocks import at_least
from lab.checks.verdicts import Verdict, invalid, unknown, valid
from lab.trace import Event, Trace

BUSY = 0.5  # seconds that a busy machine may add to a police car's wait


def is_car(who: str) -> bool:
    """Return whether somebody must wait for green."""
    return who.startswith("car ")


def passed_on_red(trace: Trace) -> list[str]:
    """Return who passed while the light was red all the time from the coming to the going.

    The light records that it turns green before it does, and that it has turned red after it has: who is named here
    has seen no green, however late the others were recorded.
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
            seen = {who: was or green for who, was in seen.items()}
    return passed


def no_car_on_red(trace: Trace) -> Verdict:
    """Check that the light was green at some moment between each car's coming and going."""
    if not trace.of("turns red"):
        return unknown("nobody recorded the light")
    for who in filter(is_car, passed_on_red(trace)):
        return invalid(f"{who} passed, and the light was red from its coming to its going")
    return valid("no car passed on red")


def nobody_forgotten(trace: Trace) -> Verdict:
    """Check that each car that waits goes before the light has turned green twice.

    A machine that lets a car stand still for a whole turn of the light would look the same.
    """
    greens: dict[str, int] = {}
    for event in trace.of("turns green", "waits", "passes"):
        if event.what == "waits":
            greens[event.who] = 0
        elif event.what == "passes":
            greens.pop(event.who, None)
        else:
            greens = {who: count + 1 for who, count in greens.items()}
            for who in (who for who, count in greens.items() if count == 2):
                return invalid(f"{who} still waited when the light turned green for the second time")
    return valid("whoever waited went at the next green")


def police_in_time(trace: Trace, longest: float) -> Verdict:
    """Check that no police car waits for longer than `longest` and `BUSY` seconds."""
    for came, passed in _police(trace):
        waited = at_least(came, passed)
        if waited > longest + BUSY:
            return invalid(f"{came.who} passed after {waited:.2f} s, and may wait for {longest:.2f} s at most")
    return valid("no police car waited for longer than it may")


def police_waits(trace: Trace) -> list[float]:
    """Return how long it took each police car from coming to going."""
    return [passed.when - came.when for came, passed in _police(trace)]


def _police(trace: Trace) -> list[tuple[Event, Event]]:
    came = {event.who: event for event in trace.of("arrives") if not is_car(event.who)}
    return [(came[event.who], event) for event in trace.of("passes") if event.who in came]


def reaction(trace: Trace) -> float | None:
    """Return how long the cars that waited took to pass after the light had turned green, in the median."""
    turned, waiting, taken = 0.0, set[str](), []
    for event in trace.of("turns green", "waits", "passes"):
        if event.what == "waits":
            waiting.add(event.who)
        elif event.what == "turns green":
            turned = event.when
        elif event.who in waiting:
            taken.append(event.when - turned)
    return median(taken) if taken else None
