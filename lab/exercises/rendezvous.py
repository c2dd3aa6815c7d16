"""Four processes work in phases, and wait for each other after each phase.

Not in the course: each process needs in its second phase what all others have
made in the first one. So whoever has finished waits at a barrier until all have
come, and then all go on. `wait` returns a different number in each of them, so
that one can be chosen for what has to be done once. The same barrier serves
after each phase.

Without the barrier (--how nothing) a fast process begins the next phase while a
slow one is still in the one before, and would use what is not there yet. To
show that in every run, process 0 works in its first phase until another process
has begun the second one. With the barrier nobody does, and it gives up waiting
for that after its pace.

If a process is killed (--fault kill), the others wait forever, unless they call
`wait` with a timeout, as they do then: BrokenBarrierError in all of them. But
multiprocessing's barrier may hang nevertheless, if the process was killed while
it waited. On Redis such a barrier breaks already when the lease of the killed
process is over, and the error names it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from lab.checks import rendezvous, verdicts
from lab.exercise import Exercise, choice, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.context import Barrier, Event
from lab.runtime.fault_plan import FAULT_SECONDS, WAITING, FaultPlan
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import LAB, Trace

PATIENCE = FAULT_SECONDS + 3.0  # seconds that a process waits for the others if faults are to happen


@actor
def worker(
    me: Recorder,
    barrier: Barrier | None,
    patience: float | None,
    second_phase: Event,
    seed: str,
    phases: int,
    pace: float,
) -> None:
    """Work in phases, and wait for the others after each."""
    rng = random.Random(seed)  # noqa: S311 - the same work on every backend
    for phase in range(1, phases + 1):
        me.record("begins phase", value=phase)
        if phase == 2:
            second_phase.set()
        time.sleep(rng.random() * pace)
        me.record("finishes phase", value=phase)
        if barrier is not None and not _wait(me, barrier, patience):
            return


@actor
def slow_worker(
    me: Recorder,
    barrier: Barrier | None,
    patience: float | None,
    second_phase: Event,
    phases: int,
    pace: float,
) -> None:
    """Do the same, but work in the first phase until another one has begun the second."""
    for phase in range(1, phases + 1):
        me.record("begins phase", value=phase)
        if phase == 1:
            second_phase.wait(None if barrier is None else pace)
        me.record("finishes phase", value=phase)
        if barrier is not None and not _wait(me, barrier, patience):
            return


def _wait(me: Recorder, barrier: Barrier, patience: float | None) -> bool:
    """Wait for the others; return False if one of them does not come."""
    me.record("waits", on=rendezvous.BARRIER)
    try:
        number = barrier.wait(patience)
    except threading.BrokenBarrierError as error:
        me.record("gives up", on=rendezvous.BARRIER, why=str(error) or None)
        return False
    me.record("wakes", on=rendezvous.BARRIER, value=number)
    return True


@dataclass(frozen=True)
class Rendezvous(Exercise):
    """Processes that wait for each other between the phases of their work."""

    name = "rendezvous"
    summary = N_("4 processes work in 3 phases; a barrier keeps the phases apart")
    judges_faults = True
    printed_lines: ClassVar = {
        "begins phase": PrintedLine(N_("{who} begins phase {value}")),
        "finishes phase": PrintedLine(N_("{who} has finished phase {value}")),
        "gives up": PrintedLine(N_("{who} finds the barrier broken"), "red"),
    }

    processes: int = parameter(4, "number of processes", minimum=2, maximum=64)
    phases: int = parameter(3, "number of phases", minimum=2, maximum=1000)
    pace: float = parameter(0.2, "seconds that a phase takes at most", maximum=1000)
    how: str = choice(
        "what keeps the phases apart",
        barrier=N_("with a barrier"),
        nothing=N_("with nothing"),
    )
    seed: int = parameter(0, "seed of the random work", maximum=2**32)

    @property
    def actors(self) -> int:
        """The processes."""
        return self.processes

    @property
    def min_workers(self) -> int:
        """All processes wait for each other."""
        return self.processes

    def options_for(self, workers: int) -> str:
        """Return an option for fewer processes."""
        return f"--processes {workers}" if workers > 1 else ""

    def plan(self, faults: FaultPlan) -> FaultPlan:
        """Return the plan in which each fault finds a process at the barrier."""
        return replace(faults, moments=(WAITING,))

    def run_actors(self, run: Run) -> None:
        """Start all processes."""
        barrier = run.ctx.Barrier(self.processes) if self.how == "barrier" else None
        if barrier is not None:
            run.recorder(LAB).record("creates", on=rendezvous.BARRIER, value=self.processes, why="barrier")
        patience = PATIENCE if run.fault_plan else None
        second_phase = run.ctx.Event()
        slow, *others = self._names
        slow_args = (run.recorder(slow), barrier, patience, second_phase, self.phases, self.pace)
        processes = [run.ctx.Process(target=slow_worker, args=slow_args, name=slow)]
        for number, name in enumerate(others):
            args = (
                run.recorder(name),
                barrier,
                patience,
                second_phase,
                f"{self.seed}/{number}",
                self.phases,
                self.pace,
            )
            processes.append(run.ctx.Process(target=worker, args=args, name=name))
        run.start_and_join(processes, max_silence=self.pace + (patience or 0))

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that nobody begins a phase before all have finished the one before it."""
        return verdicts.worst(
            [
                rendezvous.phases_apart(trace, self._names),
                rendezvous.numbers_differ(trace),
                verdicts.all_finished(trace, self.actors),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """How many phases were finished, who began too early, and how long somebody waited."""
        return {
            N_("phases finished"): len(trace.of("finishes phase")),
            N_("early starts"): len(rendezvous.early_starts(trace, self._names)),
            N_("barrier wait, max"): rendezvous.longest_wait(trace),
        }

    @property
    def _names(self) -> list[str]:
        return [f"process {number}" for number in range(self.processes)]
