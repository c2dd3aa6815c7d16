"""A semaphore is a lock with several keys: three acquires return at once, the fourth blocks.

The course's program makes Semaphore(3), acquires it three times and prints 1, 2
and 3; each acquire decrements the counter. Now the counter is 0, and the fourth
acquire blocks until somebody releases. Then it returns, too, and the program
prints 4.

Here the fourth acquire is first tried with a timeout, which expires, and then
without one; a second process, which has acquired nothing, releases.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from gettext import gettext as _
from typing import ClassVar

from lab.checks import verdicts
from lab.exercise import Exercise, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.context import Event, Permits
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace


@actor
def acquirer(
    me: Recorder,
    semaphore: Permits,
    empty: Event,
    permits: int,
    pace: float,
) -> None:
    """Acquire all permits, and then one more."""
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
def releaser(
    me: Recorder,
    semaphore: Permits,
    empty: Event,
    pace: float,
) -> None:
    """Release a permit some time after the last one was acquired."""
    empty.wait()
    time.sleep(pace)
    me.record("releases")
    semaphore.release()


@dataclass(frozen=True)
class Semaphore(Exercise):
    """The course's smallest program with a semaphore."""

    name = "semaphore"
    summary = N_("3 acquires return at once; the fourth waits for a release")
    printed_lines: ClassVar = {"prints": PrintedLine("{value}")}

    permits: int = parameter(3, "initial value of the semaphore", minimum=1, maximum=1000)
    pace: float = parameter(0.5, "seconds of the timeout, and then until the release", maximum=1000)

    @property
    def actors(self) -> int:
        """The process that acquires, and the one that releases."""
        return 2

    @property
    def min_workers(self) -> int:
        """One process waits for the other."""
        return 2

    def run_actors(self, run: Run) -> None:
        """Start both."""
        semaphore, empty = run.ctx.Semaphore(self.permits), run.ctx.Event()
        acquirer_args = (run.recorder("acquirer"), semaphore, empty, self.permits, self.pace)
        releaser_args = (run.recorder("releaser"), semaphore, empty, self.pace)
        actors = [
            run.ctx.Process(target=acquirer, args=acquirer_args, name="acquirer"),
            run.ctx.Process(target=releaser, args=releaser_args, name="releaser"),
        ]
        run.start_and_join(actors, max_silence=self.pace)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that the acquire beyond the permits returns only after a release."""
        return verdicts.worst([self._last_waits(trace), verdicts.all_finished(trace, self.actors)])

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """How many acquires returned before and after the release, and how long it took to wake a waiter."""
        before, after = self._acquires(trace)
        released = trace.of("releases")
        return {
            N_("acquired before release"): before,
            N_("acquired after release"): after,
            N_("release to acquire"): trace.of("prints")[-1].when - released[0].when if released and after else None,
        }

    def _last_waits(self, trace: Trace) -> verdicts.Verdict:
        before, after = self._acquires(trace)
        if before > self.permits:
            sentence = _("acquire number {number} of Semaphore({permits}) returned before any release")
            return verdicts.invalid(sentence.format(number=before, permits=self.permits))
        if before < self.permits or not after:
            sentence = _("{count} of {expected} acquires returned")
            return verdicts.unknown(sentence.format(count=before + after, expected=self.permits + 1))
        return verdicts.valid(_("{count} acquires returned at once, and one more after a release").format(count=before))

    def _acquires(self, trace: Trace) -> tuple[int, int]:
        """Return how many acquires returned before the release, and how many after it."""
        steps = [event.what for event in trace.of("prints", "releases")]
        before = steps.index("releases") if "releases" in steps else len(steps)
        return before, steps.count("prints") - before
