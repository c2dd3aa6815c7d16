"""An event is a flag that processes wait for: is_set, set, clear, and wait with and without a time-out.

The course's program asks a new event (False), sets it and asks again (True),
waits, which passes at once, clears it, waits with a time-out, which passes when
the time is over, and asks once more: the wait has not changed the flag (False).

Here a second process waits without a time-out, from the beginning, for an event
that the program sets at its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lab.checks import verdicts
from lab.exercise import Exercise, parameter
from lab.formatting import Figure
from lab.printed_lines import PrintedLine
from lab.runtime.context import Event as Flag
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace

EXPECTED = ["is not set", "sets", "is set", "passes", "clears", "times out", "is not set", "releases waiter"]
EARLY = 0.01  # seconds by which a time-out may come before its time: it is measured with another clock


@actor
def program(
    me: Recorder,
    flag: Flag,
    waiting: Flag,
    last: Flag,
    pace: float,
) -> None:
    """Do with the flag what the course does."""
    _look(me, flag)
    flag.set()
    me.record("sets")
    _look(me, flag)
    flag.wait()
    me.record("passes")
    flag.clear()
    me.record("clears")
    me.record("passes" if flag.wait(timeout=pace) else "times out")
    _look(me, flag)
    waiting.wait()
    me.record("releases waiter")
    last.set()


@actor
def waiter(
    me: Recorder,
    waiting: Flag,
    last: Flag,
) -> None:
    """Wait without a time-out."""
    waiting.set()
    last.wait()
    me.record("is released")


def _look(me: Recorder, flag: Flag) -> None:
    me.record("is set" if flag.is_set() else "is not set")


@dataclass(frozen=True)
class Event(Exercise):
    """The course's smallest program with an event."""

    name = "event"
    summary = "is_set, set, clear, and wait with and without a time-out"
    printed_lines: ClassVar = {"is set": PrintedLine("True", "True"), "is not set": PrintedLine("False", "False")}

    pace: float = parameter(0.5, "seconds of the time-out, ten in the course", maximum=1000)

    @property
    def actors(self) -> int:
        """The program, and who waits."""
        return 2

    @property
    def min_workers(self) -> int:
        """Each waits for the other."""
        return 2

    def run_actors(self, run: Run) -> None:
        """Start both."""
        flag, waiting, last = run.ctx.Event(), run.ctx.Event(), run.ctx.Event()
        does = (run.recorder("program"), flag, waiting, last, self.pace)
        waits = (run.recorder("waiter"), waiting, last)
        actors = [
            run.ctx.Process(target=program, args=does, name="program"),
            run.ctx.Process(target=waiter, args=waits, name="waiter"),
        ]
        run.start_and_join(actors, max_silence=self.pace)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Each call does what it promises, and nobody is let go before it is time."""
        return verdicts.worst([self._steps(trace), _let_go(trace), verdicts.all_finished(trace, self.actors)])

    def outcome(self, trace: Trace) -> Mapping[str, Figure]:
        """How long the time-out took, and how long the last set took to arrive."""
        return {
            "wait with a time-out": _between(trace, "clears", "times out"),
            "from set to woken": _between(trace, "releases waiter", "is released"),
        }

    def _steps(self, trace: Trace) -> verdicts.Verdict:
        done = [event.what for event in trace.of(*EXPECTED)]
        for number, (what, expected) in enumerate(zip(done, EXPECTED, strict=False)):
            if what != expected:
                after = f"after it {done[number - 1]!r}" if number else "at first"
                return verdicts.invalid(f"{after}, program recorded {what!r} where {expected!r} is right")
        waited = _between(trace, "clears", "times out")
        if waited is None:
            return verdicts.unknown("no wait has timed out")
        if waited < self.pace - EARLY:
            return verdicts.invalid(f"a wait with a time-out of {self.pace:g} s gave up after {waited:.3f} s")
        return verdicts.valid("is_set, set, clear and both waits do as they should")


def _let_go(trace: Trace) -> verdicts.Verdict:
    steps = [event.what for event in trace.of("releases waiter", "is released")]
    if steps[:1] == ["is released"]:
        return verdicts.invalid("waiter went on before the event was set")
    return verdicts.valid("")


def _between(trace: Trace, first: str, second: str) -> float | None:
    """Return the time from the first event of one kind to the first of another."""
    one, two = trace.of(first), trace.of(second)
    return two[0].when - one[0].when if one and two else None
