"""A semaphore is a lock with a number of keys: three acquires pass, the fourth one blocks.

The course's program makes Semaphore(3), acquires it three times and prints 1, 2
and 3; each acquire takes one off the counter. Now the counter is 0, and the
fourth acquire blocks until somebody releases. Then it passes, too, and the
program prints 4.

Here the fourth acquire first waits for a while only, in vain, and then without
a limit; a second process, which never acquired anything, releases.
"""

from __future__ import annotations

import time
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
def taker(
    me: Recorder,
    semaphore: Permits,
    empty: Event,
    permits: int,
    pace: float,
) -> None:
    """Take all permits there are, and one more."""
    for number in range(permits):
        semaphore.acquire()
        me.record("prints", value=number + 1)
    if semaphore.acquire(timeout=pace):
        me.record("prints", value=permits + 1)
    else:
        me.record("times out")
    empty.set()
    semaphore.acquire()
    me.record("prints", value=permits + 1)


@actor
def giver(
    me: Recorder,
    semaphore: Permits,
    empty: Event,
    pace: float,
) -> None:
    """Release a permit some time after there is none left."""
    empty.wait()
    time.sleep(pace)
    me.record("releases")
    semaphore.release()


@dataclass(frozen=True)
class Semaphore(Exercise):
    """The course's smallest program with a semaphore."""

    name = "semaphore"
    summary = "3 acquires return at once; the fourth waits for a release"
    printed_lines: ClassVar = {"prints": PrintedLine("{value}", "{value}")}

    permits: int = parameter(3, "how many acquires pass", minimum=1, maximum=1000)
    pace: float = parameter(0.5, "seconds that the one too many waits in vain", maximum=1000)

    @property
    def actors(self) -> int:
        """Who acquires, and who releases."""
        return 2

    @property
    def min_workers(self) -> int:
        """Who acquires waits for who releases."""
        return 2

    def run_actors(self, run: Run) -> None:
        """Start both."""
        semaphore, empty = run.ctx.Semaphore(self.permits), run.ctx.Event()
        takes = (run.recorder("taker"), semaphore, empty, self.permits, self.pace)
        gives = (run.recorder("giver"), semaphore, empty, self.pace)
        actors = [
            run.ctx.Process(target=taker, args=takes, name="taker"),
            run.ctx.Process(target=giver, args=gives, name="giver"),
        ]
        run.start_and_join(actors, max_silence=self.pace)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """One acquire too many comes back after a release only."""
        return verdicts.worst([self._one_too_many(trace), verdicts.all_finished(trace, self.actors)])

    def outcome(self, trace: Trace) -> Mapping[str, Figure]:
        """How many acquires passed before the first release, and how long one release takes to arrive."""
        before, after = self._acquires(trace)
        released = trace.of("releases")
        return {
            "passed before a release": before,
            "passed after it": after,
            "from release to acquire": trace.of("prints")[-1].when - released[0].when if released and after else None,
        }

    def _one_too_many(self, trace: Trace) -> verdicts.Verdict:
        before, after = self._acquires(trace)
        if before > self.permits:
            return verdicts.invalid(f"acquire {before} of a semaphore of {self.permits} came back before any release")
        if before < self.permits or not after:
            return verdicts.unknown(f"{before + after} of {self.permits + 1} acquires came back")
        return verdicts.valid(f"{before} acquires passed, and one more after a release")

    def _acquires(self, trace: Trace) -> tuple[int, int]:
        """Return how many acquires passed before a release, and how many after it."""
        steps = [event.what for event in trace.of("prints", "releases")]
        before = steps.index("releases") if "releases" in steps else len(steps)
        return before, steps.count("prints") - before
