"""An event is a flag to wait for: is_set, set, clear, and wait with and without a timeout.

The course's program asks whether a new event is set (False), sets it and asks
again (True), waits, which returns at once, clears it, waits with a timeout,
which returns when the time is over, and asks once more: the wait has not
changed the flag (False).

Here a second process waits from the beginning, without a timeout, for an event
that the program sets at its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from gettext import gettext as _
from typing import ClassVar

from lab.checks import verdicts
from lab.exercise import Exercise, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.context import Event as Flag
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Event as TraceEvent
from lab.trace import Trace

EXPECTED = ["is not set", "sets", "is set", "passes", "clears", "times out", "is not set", "releases waiter"]
CLOCK_TOLERANCE = 0.01  # seconds by which a timeout may seem too short, as two clocks measure it


@actor
def program(
    me: Recorder,
    flag: Flag,
    waiting: Flag,
    last: Flag,
    pace: float,
) -> None:
    """Use the flag as the course does."""
    _check(me, flag)
    flag.set()
    me.record("sets")
    _check(me, flag)
    flag.wait()
    me.record("passes")
    flag.clear()
    me.record("clears")
    me.record("passes" if flag.wait(timeout=pace) else "times out")
    _check(me, flag)
    waiting.wait()
    me.record("releases waiter")
    last.set()


@actor
def waiter(
    me: Recorder,
    waiting: Flag,
    last: Flag,
) -> None:
    """Wait without a timeout."""
    waiting.set()
    last.wait()
    me.record("is released")


def _check(me: Recorder, flag: Flag) -> None:
    me.record("is set" if flag.is_set() else "is not set")


@dataclass(frozen=True)
class Event(Exercise):
    """The course's smallest program with an event."""

    name = "event"
    summary = N_("is_set, set, clear, and wait with and without a timeout")
    printed_lines: ClassVar = {"is set": PrintedLine("True"), "is not set": PrintedLine("False")}

    pace: float = parameter(0.5, "seconds of the timeout, which is ten in the course", maximum=1000)

    @property
    def actors(self) -> int:
        """The program and the waiter."""
        return 2

    @property
    def min_workers(self) -> int:
        """Each waits for the other."""
        return 2

    def run_actors(self, run: Run) -> None:
        """Start both."""
        flag, waiting, last = run.ctx.Event(), run.ctx.Event(), run.ctx.Event()
        program_args = (run.recorder("program"), flag, waiting, last, self.pace)
        waiter_args = (run.recorder("waiter"), waiting, last)
        actors = [
            run.ctx.Process(target=program, args=program_args, name="program"),
            run.ctx.Process(target=waiter, args=waiter_args, name="waiter"),
        ]
        run.start_and_join(actors, max_silence=self.pace)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that each call works as promised, and that the waiter is not released too early."""
        return verdicts.worst(
            [self._steps(trace), _not_released_early(trace), verdicts.all_finished(trace, self.actors)]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """How long the timeout took, and how long the last set took to wake the waiter."""
        return {
            N_("timed-out wait"): _between(trace, "clears", "times out"),
            N_("set to wake-up"): _between(trace, "releases waiter", "is released"),
        }

    def _steps(self, trace: Trace) -> verdicts.Verdict:
        done = trace.of(*EXPECTED)
        for number, (event, expected) in enumerate(zip(done, EXPECTED, strict=False)):
            if event.what != expected:
                return verdicts.invalid(_wrong_step(event, expected, done[number - 1] if number else None), event)
        waited = _between(trace, "clears", "times out")
        if waited is None:
            return verdicts.unknown(_("no wait timed out"))
        if waited < self.pace - CLOCK_TOLERANCE:
            sentence = _("a wait with a timeout of {timeout:g} s returned after {waited:.3f} s")
            return verdicts.invalid(sentence.format(timeout=self.pace, waited=waited))
        return verdicts.valid(_("is_set, set, clear and both waits work as promised"))


def _wrong_step(event: TraceEvent, expected: str, before: TraceEvent | None) -> str:
    if before is None:
        sentence = _("first the program recorded {recorded!r}, not {expected!r}")
        return sentence.format(recorded=event.what, expected=expected)
    sentence = _("after {before!r} the program recorded {recorded!r}, not {expected!r}")
    return sentence.format(before=before.what, recorded=event.what, expected=expected)


def _not_released_early(trace: Trace) -> verdicts.Verdict:
    steps = trace.of("releases waiter", "is released")
    if steps and steps[0].what == "is released":
        return verdicts.invalid(_("the waiter was released before the event was set"), steps[0])
    return verdicts.valid("")


def _between(trace: Trace, first: str, second: str) -> float | None:
    """Return the time from the first event of one kind to the first of another."""
    one, two = trace.of(first), trace.of(second)
    return two[0].when - one[0].when if one and two else None
