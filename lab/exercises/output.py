"""Three processes print two lines each: that they are running, and that they are done.

In the course each sleeps for up to a second between its two lines. Without a
lock (--how nothing) all three run at the same time and their lines interleave:
nobody can tell at the terminal which lines belong together. With a lock around
both lines they come in pairs, one process after the other: what was concurrent
has become serial, which takes longer but is in order.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lab.checks import verdicts
from lab.exercise import Exercise, choice, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.context import Permits
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace


@actor
def work(
    me: Recorder,
    lock: Permits | None,
    seed: str,
    pace: float,
) -> None:
    """Print that this process is running, and later that it is done."""
    rng = random.Random(seed)  # noqa: S311 - the same sleeps on every backend
    with me.inside("output", lock):
        me.record("is running")
        time.sleep(rng.random() * pace)
        me.record("is done")


@dataclass(frozen=True)
class Output(Exercise):
    """The course's processes that share a terminal."""

    name = "output"
    summary = N_("3 processes print two lines each; a lock keeps the lines together")
    section = "output"
    judges_faults = True
    printed_lines: ClassVar = {
        "is running": PrintedLine("{number}: {pid} is running"),
        "is done": PrintedLine("{number}:{pid} is done"),
    }

    processes: int = parameter(3, "number of processes", minimum=1)
    pace: float = parameter(1.0, "seconds for one second of the course", maximum=1000)
    how: str = choice(
        "what keeps the lines together",
        lock=N_("with a lock"),
        nothing=N_("with nothing"),
    )
    seed: int = parameter(0, "seed of the random sleeps", maximum=2**32)

    @property
    def actors(self) -> int:
        """The processes."""
        return self.processes

    def run_actors(self, run: Run) -> None:
        """Start all processes."""
        lock = run.ctx.Lock() if self.how == "lock" else None
        workers = []
        for number in range(self.processes):
            name = f"process {number}"
            args = (run.recorder(name), lock, f"{self.seed}/{number}", self.pace)
            workers.append(run.ctx.Process(target=work, args=args, name=name))
        run.start_and_join(workers, max_silence=self.pace)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that nobody prints between the two lines of another process."""
        return verdicts.worst(
            [
                verdicts.within_limit(trace, self.section, self.limit),
                verdicts.fences_increase(trace, self.section),
                verdicts.all_finished(trace, self.actors),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """How many lines there are, and how many are between the two of another process."""
        lines = trace.of("is running", "is done")
        return {N_("lines"): len(lines), N_("interleaved"): _interleaved([line.who for line in lines])}


def _interleaved(printed: list[str]) -> int:
    """Return how many lines are between the two of another process, given who printed each."""
    count, unfinished = 0, set[str]()
    for who in printed:
        count += bool(unfinished - {who})
        unfinished ^= {who}
    return count
