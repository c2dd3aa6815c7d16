"""Five philosophers at a round table think and eat; each needs the forks at both sides.

Not in the course: Dijkstra's dining philosophers. There is a fork, that is a
lock, between each two of them. If each takes the left fork first and then waits
for the right one (--how nothing), all may hold one fork and wait for the other:
a deadlock, in which nobody does anything wrong and nobody ever eats. To show it
in every run, they meet at a barrier when each has taken its first fork. The lab
sees from what they have recorded that each waits for what the next one holds,
ends the run, and names the circle.

Three ways out, each against one of the conditions of a deadlock:

- An order (--how order): everybody takes the fork with the smaller number first.
  Then the last philosopher takes the forks the other way round, and whoever
  holds the fork with the largest number waits for nobody: no circle.
- A waiter (--how waiter), a semaphore, lets all but one sit down. So there is
  always somebody who gets two forks.
- A timeout (--how timeout): whoever does not get the second fork soon puts the
  first one back, and tries again a random time later. They meet at the barrier,
  too, so all time out at first. The random times let one be faster than the
  others; if they were all the same, this could happen again and again (a
  livelock).
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from broker import LeaseLostError
from lab.checks import philosophers, verdicts
from lab.exercise import Exercise, choice, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.context import Barrier, Permits
from lab.runtime.fault_plan import FaultPlan
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import LAB, MICROSECONDS, Trace

TABLE = "table"  # on: where the waiter lets all but one sit down


class Fork(NamedTuple):
    """A fork, with its name in the trace."""

    name: str
    lock: Permits


@actor
def philosopher(
    me: Recorder,
    forks: tuple[Fork, Fork],
    waiter: Permits | None,
    all_hold_one: Barrier | None,
    patience: float | None,
    seed: str,
    meals: int,
    pace: float,
) -> None:
    """Think, and eat with two forks, so many times; with `patience`, try again if the second fork is not free soon."""
    rng = random.Random(seed)  # noqa: S311 - the same times on every backend
    for _ in range(meals):
        time.sleep(rng.random() * pace)
        with _seat(me, waiter):
            while not _eat(me, forks, all_hold_one, patience, rng.random() * pace):
                all_hold_one = None
                time.sleep(rng.random() * pace)
        all_hold_one = None


def _seat(me: Recorder, waiter: Permits | None) -> AbstractContextManager[object]:
    return nullcontext() if waiter is None else me.inside(TABLE, waiter)


def _eat(
    me: Recorder, forks: tuple[Fork, Fork], all_hold_one: Barrier | None, patience: float | None, duration: float
) -> bool:
    """Take both forks and eat; return False without having eaten if the second fork was not free in time."""
    first, second = forks
    with me.inside(first.name, first.lock):
        if all_hold_one is not None:
            all_hold_one.wait()
        timeout = None if patience is None else round(patience * MICROSECONDS)
        me.record("requests", on=second.name, value=timeout)
        if not second.lock.acquire(timeout=patience):
            me.record("gives up", on=second.name)
            return False
        try:
            with me.inside(second.name, None):
                me.record("eats")
                time.sleep(duration)
                me.record("has eaten")
        finally:
            try:
                second.lock.release()
            except LeaseLostError as error:
                me.record("loses lease", on=second.name, why=str(error))
    return True


@dataclass(frozen=True)
class Philosophers(Exercise):
    """Dijkstra's philosophers, with processes and locks."""

    name = "philosophers"
    summary = N_("5 philosophers need two forks each; without an order: a deadlock")
    counted_actors = N_("{count} philosophers")
    printed_lines: ClassVar = {
        "eats": PrintedLine(N_("{who} eats"), "green"),
        "has eaten": PrintedLine(N_("{who} has eaten")),
        "gives up": PrintedLine(N_("{who} waits no longer for {on}"), "yellow"),
        "stops run": PrintedLine(N_("nobody can go on"), "bold red"),
    }

    seats: int = parameter(5, "number of philosophers, and of forks", minimum=2, maximum=64)
    meals: int = parameter(3, "number of times that each eats", minimum=1, maximum=10_000)
    pace: float = parameter(0.1, "seconds of thinking and of eating, at most, and of a timeout", maximum=1000)
    how: str = choice(
        "what prevents the deadlock",
        order=N_("by the order of the forks"),
        waiter=N_("with a waiter, who lets all but one sit down"),
        timeout=N_("by a timeout"),
        nothing=N_("with nothing against a deadlock"),
    )
    seed: int = parameter(0, "seed of the random times", maximum=2**32)

    @property
    def actors(self) -> int:
        """The philosophers."""
        return self.seats

    @property
    def min_workers(self) -> int:
        """Where they meet at a barrier, all of them."""
        return self.seats if self._meet else 1

    def options_for(self, workers: int) -> str:
        """Return an option for fewer philosophers."""
        return f"--seats {workers}" if workers > 1 else ""

    def plan(self, faults: FaultPlan) -> FaultPlan:
        """Return the plan as it is, as there are several sections: one for each fork."""
        return faults

    def run_actors(self, run: Run) -> None:
        """Start all philosophers."""
        forks = [Fork(name, run.ctx.Lock()) for name in self._forks]
        waiter = run.ctx.Semaphore(self.seats - 1) if self.how == "waiter" else None
        lab = run.recorder(LAB)
        for fork in forks:
            lab.record("creates", on=fork.name, value=1, why="lock")
        lab.record("creates", on=TABLE, value=self.seats - 1, why="semaphore")
        all_hold_one = run.ctx.Barrier(self.seats) if self._meet else None
        patience = self.pace if self.how == "timeout" else None
        guests = []
        for number in range(self.seats):
            left, right = number, (number + 1) % self.seats
            first, second = sorted((left, right)) if self.how == "order" else (left, right)
            hands, seed = (forks[first], forks[second]), f"{self.seed}/{number}"
            name = f"philosopher {number}"
            args = (run.recorder(name), hands, waiter, all_hold_one, patience, seed, self.meals, self.pace)
            guests.append(run.ctx.Process(target=philosopher, args=args, name=name))
        run.start_and_join(guests, max_silence=self.pace, is_deadlocked=philosophers.is_deadlocked)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that nobody waits in a circle, that no fork is in two hands, and that all have eaten."""
        return verdicts.worst(
            [
                philosophers.no_deadlock(trace),
                philosophers.one_hand_each(trace, self._forks),
                verdicts.all_finished(trace, self.actors),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """How often they ate, how many at once, and how often somebody gave up."""
        return {
            N_("meals"): len(trace.of("has eaten")),
            N_("max eating"): philosophers.most_eating(trace),
            N_("gave up"): len(trace.of("gives up")),
            N_("deadlock"): philosophers.is_deadlocked(trace.events),
        }

    @property
    def _meet(self) -> bool:
        return self.how in ("nothing", "timeout")

    @property
    def _forks(self) -> list[str]:
        return [f"fork {number}" for number in range(self.seats)]
