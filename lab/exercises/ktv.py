"""A karaoke bar has four rooms, and thirteen guests come to sing.

The course gives the rooms to a semaphore that starts at four. A guest acquires
it, which blocks while all rooms are taken, stays for a while (from nothing to
three seconds, at random) and releases it; then somebody who waits goes in. (The
course's other bar has ten guests: --guests 10.)

A lock lets one in, a semaphore a number: never more than four sing at once, and
whoever comes fifth waits until somebody leaves. Without the semaphore all
thirteen go in (--how nothing).

"A semaphore is much like a process pool, but they are not the same", says the
course. With a pool of four processes (--how pool) never more than four sing at
once, either. But with the semaphore there is a process for every guest, and
those who wait are processes that wait at the door; with the pool there are four
processes, and those who wait are entries in its queue.
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
from lab.formatting import Figure
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
    summary = "13 guests want to sing in 4 rooms; a semaphore counts the rooms"
    section = "rooms"
    actor_noun = "guests"
    printed_lines: ClassVar = {
        "enters": PrintedLine("user{number} 占到一间ktv小屋", "user{number} has a KTV room"),
        "leaves": PrintedLine("user{number} 走出了ktv", "user{number} has left the KTV"),
    }

    rooms: int = parameter(4, "how many rooms there are", minimum=1)
    guests: int = parameter(13, "how many come to sing", minimum=1)
    pace: float = parameter(0.25, "seconds for one of the course's", maximum=1000)
    how: str = choice(
        "what keeps the others out",
        semaphore="with a semaphore",
        nothing="with nothing",
        pool="with a pool",
    )
    seed: int = parameter(0, "of the random stays", maximum=2**32)

    @property
    def actors(self) -> int:
        """The guests."""
        return self.guests

    @property
    def limit(self) -> int:
        """One guest to a room."""
        return self.rooms

    def run_actors(self, run: Run) -> None:
        """Let all guests come at once."""
        if self.how == "pool":
            with run.ctx.Pool(self.rooms) as pool:
                self._receive(run, functools.partial(PoolTask, pool), None)
        else:
            rooms = run.ctx.Semaphore(self.rooms) if self.how == "semaphore" else None
            self._receive(run, run.ctx.Process, rooms)

    def _receive(self, run: Run, new: Callable[..., Process], rooms: Permits | None) -> None:
        guests = []
        for number in range(self.guests):
            name = f"guest {number}"
            args = (run.recorder(name), rooms, f"{self.seed}/{number}", self.pace)
            guests.append(new(target=guest, args=args, name=name))
        run.start_and_join(guests, max_silence=3 * self.pace)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Never more guests inside than there are rooms, and all get in."""
        return verdicts.worst(
            [
                verdicts.within_limit(trace, self.section, self.limit),
                verdicts.fences_unique(trace, self.section),
                verdicts.all_finished(trace, self.guests),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, Figure]:
        """How many sang, how many at once, and how many stood at the door."""
        return {
            "served": len({event.who for event in trace.of("leaves")}),
            "most in rooms": metrics.max_inside(trace, "rooms"),
            "most at the door": metrics.maximum(metrics.waiting_over_time(trace, "rooms")),
        }
