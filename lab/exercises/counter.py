"""Four processes count together, in one shared number.

Not in the course, which has locks, semaphores and events only: a Value is a
number that processes share, and `count.value += 1` reads it, adds one, and
writes it. Between reading and writing another process may write, too: then both
write the same number, and one of the two increments is lost. That the Value has
a lock of its own does not help, as a single read and a single write take it one
after the other. The lock has to be held around both: `with count.get_lock()`.

Without it (--how nothing) the processes meet at a barrier in their first
increment, after they have read and before they write. So increments are lost in
every run: all but one of the first ones, and later ones by chance. Each process
records which numbers it has written, and two that have written the same one are
the proof.

On Redis a lock around each increment takes several requests, and `count.add(1)`
is one, in which the server adds (--how add). multiprocessing has no such
method; there, this variant takes the lock.

A process that pauses inside for longer than its lease (--fault pause) cannot
undo what the others have counted meanwhile. The broker refuses its late write,
and it counts again.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from broker import BrokerError, LeaseLostError
from lab.checks import counter, verdicts
from lab.exercise import Exercise, choice, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.context import Barrier, Permits, Value
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import LAB, Trace

SECTION = "counter"


@actor
def increment(
    me: Recorder,
    count: Value,
    lock: Permits | None,
    all_have_read: Barrier | None,
    increments: int,
) -> None:
    """Read the number, add one and write it, so many times; again if the lease was lost in between."""
    done = 0
    while done < increments:
        with me.inside(SECTION, lock):
            try:
                number = count.value + 1
                if all_have_read is not None and done == 0:
                    all_have_read.wait()
                count.value = number
            except LeaseLostError as refusal:
                me.record("is refused", on=SECTION, why=str(refusal))
            else:
                me.record("increments", value=number)
                done += 1


@actor
def add(me: Recorder, count: Value, increments: int) -> None:
    """Let the server add one, so many times."""
    for _ in range(increments):
        me.record("increments", value=_add_one(count))


def _add_one(count: Value) -> int:
    """Add one in one step, and return the sum."""
    if hasattr(count, "add"):
        return int(count.add(1))
    with count.get_lock():
        count.value += 1
        return count.value


@dataclass(frozen=True)
class Counter(Exercise):
    """Processes that share a number."""

    name = "counter"
    summary = N_("4 processes increment a Value; without its lock, updates are lost")
    section = SECTION
    judges_faults = True
    printed_lines: ClassVar = {
        "increments": PrintedLine(N_("{who} counts {value}")),
        "is refused": PrintedLine(N_("{who} lost the lock, its write is refused"), "red"),
        "counts": PrintedLine(N_("the counter is {value}"), "bold"),
    }

    processes: int = parameter(4, "number of processes", minimum=2, maximum=64)
    increments: int = parameter(25, "number of increments by each process", minimum=1, maximum=100_000)
    how: str = choice(
        "what makes an increment one step",
        lock=N_("under the number's lock"),
        nothing=N_("with nothing between reading and writing"),
        add=N_("by an atomic add"),
    )

    @property
    def actors(self) -> int:
        """The processes."""
        return self.processes

    @property
    def min_workers(self) -> int:
        """Without a lock, all processes read before the first one writes."""
        return self.processes if self.how == "nothing" else 1

    def options_for(self, workers: int) -> str:
        """Return an option for fewer processes."""
        return f"--processes {workers}" if workers > 1 else ""

    def run_actors(self, run: Run) -> None:
        """Start all processes, and read the number when they have ended."""
        lock = run.ctx.RLock()
        count: Value = run.ctx.Value("i", 0, lock=lock)
        all_have_read = run.ctx.Barrier(self.processes) if self.how == "nothing" else None
        processes = []
        for number in range(self.processes):
            name = f"process {number}"
            recorder = run.recorder(name)
            if self.how == "add":
                process = run.ctx.Process(target=add, args=(recorder, count, self.increments), name=name)
            else:
                held = lock if self.how == "lock" else None
                args = (recorder, count, held, all_have_read, self.increments)
                process = run.ctx.Process(target=increment, args=args, name=name)
            processes.append(process)
        run.start_and_join(processes, max_silence=0)
        with suppress(BrokerError):  # the server may have lost it; then the verdict is unknown
            run.recorder(LAB).record("counts", value=count.get_obj().value)  # the lock's holder may be dead

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that no increment is lost, and that one process counts at a time."""
        checks = [counter.no_lost_updates(trace)]
        if self.how != "add":
            checks += [
                verdicts.within_limit(trace, self.section, self.limit, fenced=True),
                verdicts.fences_increase(trace, self.section),
            ]
        return verdicts.worst([*checks, verdicts.all_finished(trace, self.actors)])

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """How many increments there were, and how many of them the number shows."""
        return {
            N_("increments"): len(trace.of("increments")),
            N_("counted"): counter.final_count(trace),
            N_("lost"): counter.lost_updates(trace),
        }
