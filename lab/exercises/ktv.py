"""A karaoke bar has four rooms, and thirteen guests come to sing.

The course gives the rooms to a semaphore that starts at four. A guest acquires
it, which blocks while all rooms are taken, stays for a while (from nothing to
three seconds, at random) and releases it; then somebody who waits goes in.

A lock lets one in, a semaphore a number: never more than four sing at once, and
whoever comes fifth waits until somebody leaves. Without the semaphore all
thirteen go in.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

from lab import checks, measures
from lab.context import Guard
from lab.exercise import Exercise, parameter
from lab.recorder import Recorder, actor
from lab.run import Run
from lab.trace import Trace


@actor
def guest(
    me: Recorder,
    rooms: Guard | None,
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
    people = "guests"

    rooms: int = parameter(4, "how many rooms there are", least=1)
    guests: int = parameter(13, "how many come to sing", least=1)
    pace: float = parameter(0.25, "seconds for one of the course's", most=1000)
    lock: bool = parameter(True, "whether the semaphore is acquired", most=1)
    seed: int = parameter(0, "of the random stays", most=2**32)

    @property
    def actors(self) -> int:
        """The guests."""
        return self.guests

    @property
    def limit(self) -> int:
        """One guest to a room."""
        return self.rooms

    def play(self, run: Run) -> None:
        """Let all guests come at once."""
        rooms = run.ctx.Semaphore(self.rooms) if self.lock else None
        guests = []
        for number in range(self.guests):
            name = f"guest {number}"
            args = (run.recorder(name), rooms, f"{self.seed}/{number}", self.pace)
            guests.append(run.ctx.Process(target=guest, args=args, name=name))
        run.perform(guests, longest_pause=3 * self.pace)

    def check(self, trace: Trace) -> checks.Verdict:
        """Never more guests inside than there are rooms, and all get in."""
        return checks.worst(
            [
                checks.at_most(trace, self.section, self.limit),
                checks.fences_differ(trace, self.section),
                checks.all_ended(trace, self.guests),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, int]:
        """How many sang, and how many at once."""
        served = len({event.who for event in trace.of("leaves")})
        return {"served": served, "most in rooms": measures.peak(trace, "rooms")}
