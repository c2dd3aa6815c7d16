"""A karaoke bar has four rooms, and thirteen guests come to sing.

The course uses a semaphore with the value four for the rooms. A guest acquires
it, which blocks while all rooms are taken, sings for a while (up to three
seconds, at random) and releases it; then a waiting guest gets the room. (The
course's other bar has ten guests: --guests 10.)

A lock admits one, a semaphore admits a number: never more than four guests sing
at the same time, and the fifth waits until somebody leaves. Without the
semaphore all thirteen go in (--how nothing).

"A semaphore is much like a process pool, but they are not the same", says the
course. With a pool of four processes (--how pool), too, never more than four
guests sing at the same time. But with the semaphore there is a process for each
guest, and some of them wait at the door; with the pool there are only four
processes, and the other guests are tasks in its queue.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from lab.checks import metrics, verdicts
from lab.exercise import Exercise, choice, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.context import Permits, Process
from lab.runtime.pool_tasks import PoolTask
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace


@actor
def guest(
    me: Recorder,
    rooms: Permits | None,
    seed: str,
    pace: float,
) -> None:
    """Sing in a room for a while."""
    rng = random.Random(seed)  # noqa: S311 - the same sleeps on every backend
    with me.inside("rooms", rooms):
        time.sleep(rng.randint(0, 3) * pace)


@dataclass(frozen=True)
class Ktv(Exercise):
    """The course's karaoke bar."""

    name = "ktv"
    summary = N_("13 guests want to sing in 4 rooms; a semaphore counts the rooms")
    section = "rooms"
    judges_faults = True
    counted_actors = N_("{count} guests")
    printed_lines: ClassVar = {
        "enters": PrintedLine(N_("user{number} has a KTV room")),
        "leaves": PrintedLine(N_("user{number} has left the KTV")),
    }

    rooms: int = parameter(4, "number of rooms", minimum=1)
    guests: int = parameter(13, "number of guests", minimum=1)
    pace: float = parameter(0.25, "seconds for one second of the course", maximum=1000)
    how: str = choice(
        "what limits the guests inside",
        semaphore=N_("with a semaphore"),
        nothing=N_("with nothing"),
        pool=N_("with a pool"),
    )
    seed: int = parameter(0, "seed of the random times in a room", maximum=2**32)

    @property
    def actors(self) -> int:
        """The guests."""
        return self.guests

    @property
    def limit(self) -> int:
        """One guest per room."""
        return self.rooms

    def run_actors(self, run: Run) -> None:
        """Start all guests."""
        if self.how == "pool":
            with run.ctx.Pool(self.rooms) as pool:
                self._start_guests(run, functools.partial(PoolTask, pool), None)
        else:
            rooms = run.ctx.Semaphore(self.rooms) if self.how == "semaphore" else None
            self._start_guests(run, run.ctx.Process, rooms)

    def _start_guests(self, run: Run, new_process: Callable[..., Process], rooms: Permits | None) -> None:
        guests = []
        for number in range(self.guests):
            name = f"guest {number}"
            args = (run.recorder(name), rooms, f"{self.seed}/{number}", self.pace)
            guests.append(new_process(target=guest, args=args, name=name))
        run.start_and_join(guests, max_silence=3 * self.pace)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that there were never more guests inside than rooms, and that all got in."""
        return verdicts.worst(
            [
                verdicts.within_limit(trace, self.section, self.limit),
                verdicts.fences_unique(trace, self.section),
                verdicts.all_finished(trace, self.guests),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """How many sang, how many at the same time, and how many waited."""
        return {
            N_("served"): len({event.who for event in trace.of("leaves")}),
            N_("max in rooms"): metrics.max_inside(trace, "rooms"),
            N_("max waiting"): metrics.maximum(metrics.waiting_over_time(trace, "rooms")),
        }
