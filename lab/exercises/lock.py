"""A lock is a key: whoever comes second waits until the first one gives it back.

The course's smallest program acquires a lock, prints 111, releases it, acquires
it again and prints 222; without the release the second acquire blocks for ever.

Here the first process takes the lock and prints 111. While it holds it, the
second one asks for it, and so does the first one itself, which waits only for a
while: a lock is not reentrant, whoever acquires it twice waits for himself.
When the first one releases the lock, the second one prints 222.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lab.checks import verdicts
from lab.exercise import Exercise, parameter
from lab.formatting import Figure
from lab.printed_lines import PrintedLine
from lab.runtime.context import Event, Permits
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace


@actor
def first(
    me: Recorder,
    lock: Permits,
    taken: Event,
    pace: float,
) -> None:
    """Take the lock, try to take it again, and release it."""
    with me.inside("lock", lock):
        me.record("prints", value=111)
        taken.set()
        again = lock.acquire(timeout=pace)
        me.record("acquires again" if again else "times out")


@actor
def second(
    me: Recorder,
    lock: Permits,
    taken: Event,
) -> None:
    """Ask for the lock when it is taken."""
    taken.wait()
    with me.inside("lock", lock):
        me.record("prints", value=222)


@dataclass(frozen=True)
class Lock(Exercise):
    """The course's smallest program with a lock."""

    name = "lock"
    summary = "a second acquire waits until the first holder releases"
    section = "lock"
    printed_lines: ClassVar = {"prints": PrintedLine("{value}", "{value}")}

    pace: float = parameter(0.5, "seconds that the lock is held", maximum=1000)

    @property
    def actors(self) -> int:
        """The first one and the second one."""
        return 2

    @property
    def min_workers(self) -> int:
        """The second one asks while the first one holds the lock."""
        return 2

    def run_actors(self, run: Run) -> None:
        """Start both."""
        lock, taken = run.ctx.Lock(), run.ctx.Event()
        one = run.ctx.Process(target=first, args=(run.recorder("first"), lock, taken, self.pace), name="first")
        two = run.ctx.Process(target=second, args=(run.recorder("second"), lock, taken), name="second")
        run.start_and_join([one, two], max_silence=self.pace)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Nobody is let in while the lock is held, not even who holds it."""
        return verdicts.worst(
            [
                verdicts.within_limit(trace, self.section, self.limit),
                _second_waits(trace),
                verdicts.fences_increase(trace, self.section),
                verdicts.all_finished(trace, self.actors),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, Figure]:
        """Who had to wait."""
        return {
            "second process waits": _asks_while_held(trace),
            "holder waits for itself": bool(trace.of("times out")),
        }


def _second_waits(trace: Trace) -> verdicts.Verdict:
    if trace.of("acquires again"):
        return verdicts.invalid("first was let in again while it held the lock")
    if not _asks_while_held(trace):
        return verdicts.unknown("second did not ask for the lock while first held it")
    return verdicts.valid("second asked while first held the lock, and was let in when it had left")


def _asks_while_held(trace: Trace) -> bool:
    held = False
    for event in trace.of("requests", "enters", "leaves"):
        if event.who == "second":
            return held
        held = event.what == "enters"
    return False
