"""Two producers and three consumers share a buffer with room for four items.

Not in the course: a bounded buffer, made of a Condition and shared memory. A
condition is a lock whose holder can wait until another one notifies it. A
consumer that finds the buffer empty waits, and so does a producer that finds it
full; whoever has put or taken an item notifies all. `wait` releases the lock
while it waits, and has acquired it again when it returns. Meanwhile another
process may have been there. So the condition has to be tested again, in a loop:

    while buffer.is_empty():
        changed.wait()

With `if` in place of `while` (--how once), a consumer takes what is not there.
To show that in every run, all consumers come first and wait. Then one item is
put, and no other until all consumers have been woken by it: one gets it, and the
others find the buffer empty. What they take then was never put; later, items are
overwritten and lost.

--fault pause pauses a process while it waits. Nobody waits for it but those that
need its items, or its room.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from lab.checks import buffer, metrics, verdicts
from lab.checks.buffer import BUFFER
from lab.exercise import Exercise, choice, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.context import Condition, Context, Event, SimpleQueue
from lab.runtime.fault_plan import WAITING, FaultPlan
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import LAB, Trace

PUT, TAKEN = 0, 1  # places of the numbers of items that were put and taken so far


class Buffer:
    """A ring in shared memory; whoever changes it, notifies all."""

    def __init__(self, ctx: Context, capacity: int, recheck: bool) -> None:
        self._changed: Condition = ctx.Condition()
        self._slots: Any = ctx.Array("i", capacity, lock=False)
        self._counts: Any = ctx.Array("i", 2, lock=False)
        self._capacity = capacity
        self._recheck = recheck  # whether whoever is woken tests again what it has waited for

    def put(self, me: Recorder, item: int) -> None:
        """Wait for room, and put an item."""
        with self._changed:
            if self._recheck:
                while self._is_full():
                    self._wait(me)
            elif self._is_full():
                self._wait(me)
            place = self._counts[PUT]
            self._slots[place % self._capacity] = item
            self._counts[PUT] = place + 1
            me.record("puts", on=BUFFER, value=item)
            self._changed.notify_all()

    def take(self, me: Recorder, opening: SimpleQueue | None = None) -> None:
        """Wait for an item, and take it; say in `opening` when this waits and when it is woken, for the first time."""
        with self._changed:
            if self._recheck:
                while self._is_empty():
                    self._wait(me, opening)
                    opening = None
            elif self._is_empty():
                self._wait(me, opening)
            place = self._counts[TAKEN]
            item = self._slots[place % self._capacity]
            self._counts[TAKEN] = place + 1
            me.record("gets", on=BUFFER, value=item)
            self._changed.notify_all()

    def _is_full(self) -> bool:
        return bool(self._counts[PUT] - self._counts[TAKEN] >= self._capacity)

    def _is_empty(self) -> bool:
        return bool(self._counts[PUT] <= self._counts[TAKEN])

    def _wait(self, me: Recorder, opening: SimpleQueue | None = None) -> None:
        """Wait for a change. Both events, and what is said in `opening`, are recorded and said under the lock."""
        me.record("waits", on=BUFFER)
        if opening is not None:
            opening.put(me.who)
        self._changed.wait()
        me.record("wakes", on=BUFFER)
        if opening is not None:
            opening.put(me.who)


@actor
def first_producer(
    me: Recorder,
    shared: Buffer,
    items: Sequence[int],
    opening: SimpleQueue,
    consumers: int,
    opened: Event,
) -> None:
    """Put an item when all consumers wait, and the others when it has woken all of them."""
    first, *others = items
    for _ in range(consumers):
        opening.get()
    shared.put(me, first)
    for _ in range(consumers):
        opening.get()
    opened.set()
    for item in others:
        shared.put(me, item)


@actor
def producer(me: Recorder, shared: Buffer, items: Sequence[int], opened: Event) -> None:
    """Put items, after the first one."""
    opened.wait()
    for item in items:
        shared.put(me, item)


@actor
def consumer(me: Recorder, shared: Buffer, count: int, opening: SimpleQueue, seed: str, pace: float) -> None:
    """Take so many items, and work with each of them for a while."""
    rng = random.Random(seed)  # noqa: S311 - the same work on every backend
    shared.take(me, opening)
    for _ in range(count - 1):
        time.sleep(rng.random() * pace)
        shared.take(me)


@dataclass(frozen=True)
class BoundedBuffer(Exercise):
    """Producers and consumers with a buffer between them."""

    name = "buffer"
    summary = "2 producers and 3 consumers share a buffer, with a Condition"
    printed_lines: ClassVar = {
        "puts": PrintedLine(N_("{who} puts {value}"), "green"),
        "gets": PrintedLine(N_("{who} takes {value}")),
        "waits": PrintedLine(N_("{who} waits"), "yellow"),
    }

    producers: int = parameter(2, "number of producers", minimum=1, maximum=32)
    consumers: int = parameter(3, "number of consumers", minimum=2, maximum=32)
    capacity: int = parameter(4, "number of items for which there is room", minimum=1)
    items: int = parameter(36, "number of items", minimum=32, maximum=100_000)
    pace: float = parameter(0.05, "seconds that a consumer works with an item, at most", maximum=1000)
    how: str = choice(
        "how a process waits",
        loop=N_("with a test after each wait, in a loop"),
        once=N_("with a test before the wait only"),
    )
    seed: int = parameter(0, "seed of the consumers' work", maximum=2**32)

    @property
    def actors(self) -> int:
        """The producers and the consumers."""
        return self.producers + self.consumers

    @property
    def min_workers(self) -> int:
        """All wait for each other."""
        return self.actors

    def options_for(self, workers: int) -> str:
        """Return options for fewer processes."""
        return f"--producers 1 --consumers {workers - 1}" if workers > 2 else ""

    def plan(self, faults: FaultPlan) -> FaultPlan:
        """Return the plan in which each fault finds a process that waits for an item or for room."""
        return replace(faults, moments=(WAITING,))

    def run_actors(self, run: Run) -> None:
        """Start all consumers and producers."""
        shared = Buffer(run.ctx, self.capacity, recheck=self.how == "loop")
        run.recorder(LAB).record("creates", on=BUFFER, why="condition")
        opening, opened = run.ctx.SimpleQueue(), run.ctx.Event()
        processes = []
        for number in range(self.consumers):
            name = f"consumer {number}"
            count = len(range(number, self.items, self.consumers))
            args = (run.recorder(name), shared, count, opening, f"{self.seed}/{number}", self.pace)
            processes.append(run.ctx.Process(target=consumer, args=args, name=name))
        for number in range(self.producers):
            name = f"producer {number}"
            items = range(number + 1, self.items + 1, self.producers)
            if number == 0:
                first_args = (run.recorder(name), shared, items, opening, self.consumers, opened)
                processes.append(run.ctx.Process(target=first_producer, args=first_args, name=name))
            else:
                producer_args = (run.recorder(name), shared, items, opened)
                processes.append(run.ctx.Process(target=producer, args=producer_args, name=name))
        run.start_and_join(processes, max_silence=self.pace)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that each item is taken once, in order, and that there are never too many."""
        return verdicts.worst(
            [
                verdicts.all_finished(trace, self.actors),  # first: it says why items are missing
                buffer.items_in_order(trace, self.capacity, self.items),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """How many items were taken, how full the buffer was, and who was woken in vain."""
        return {
            N_("taken"): len(trace.of("gets")),
            N_("taken from empty"): buffer.taken_from_empty(trace),
            N_("lost"): len({event.value for event in trace.of("puts")} - {event.value for event in trace.of("gets")}),
            N_("max in buffer"): metrics.maximum(metrics.items_over_time(trace, BUFFER)),
            N_("waits"): len(trace.of("waits")),
            N_("woken in vain"): buffer.woken_in_vain(trace),
        }
