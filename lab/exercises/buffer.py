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

--fault kill and --fault pause kill or pause a process while it waits. Nobody
waits for it but those that need its items, or its room. What a killed consumer
would have taken, the others take. What a killed producer would have put never
comes: in a run with faults, whoever waits for too long gives up. On Redis, a
killed process that was notified lets the next one have the lock, after its lease
at the latest. multiprocessing's `notify_all` keeps the lock until all that it
wakes are awake, and a killed one never is: there the run comes to a standstill.
A paused process whose lease ends meanwhile finds that it has lost the lock, and
fails.
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
from lab.runtime.context import Condition, Context, Event
from lab.runtime.fault_plan import FAULT_SECONDS, WAITING, FaultPlan
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import LAB, Trace

# Places of the counts: of items put and taken, and of consumers that have waited and were woken for the first time.
PUT, TAKEN, WAITING_FIRST, WOKEN_FIRST = range(4)
PATIENCE = FAULT_SECONDS + 3.0  # seconds that a process waits for a change if faults are to happen


class Buffer:
    """A ring in shared memory, for `items` in all; whoever changes it, notifies all.

    `all_wait` is set when all consumers wait for the first item, and `all_woken` when it has woken all of them. Nobody
    waits for longer than `patience` seconds; None is forever.
    """

    def __init__(self, ctx: Context, capacity: int, items: int, consumers: int, recheck: bool, patience: float | None):
        self.all_wait: Event = ctx.Event()
        self.all_woken: Event = ctx.Event()
        self.patience = patience
        self.opening_patience = patience and patience / 2  # nobody is to give up before the other items are put
        self._changed: Condition = ctx.Condition()
        self._slots: Any = ctx.Array("i", capacity, lock=False)
        self._counts: Any = ctx.Array("i", 4, lock=False)
        self._capacity = capacity
        self._items = items
        self._consumers = consumers
        self._recheck = recheck  # whether whoever is woken tests again what it has waited for

    def put(self, me: Recorder, item: int) -> bool:
        """Wait for room, and put an item; return False if there is none for too long."""
        with self._changed:
            while self._is_full():
                if not self._wait(me):
                    return False
                if not self._recheck:
                    break
            place = self._counts[PUT]
            self._slots[place % self._capacity] = item
            self._counts[PUT] = place + 1
            me.record("puts", on=BUFFER, value=item)
            self._changed.notify_all()
        return True

    def take(self, me: Recorder, first: bool = False) -> bool:
        """Wait for an item, and take it; return False if all were taken, or none comes for too long.

        `first` says that it is this consumer's first one: then it is counted when it waits, and when it is woken.
        """
        with self._changed:
            while self._is_empty() and not self._is_done():
                if not self._wait(me, first):
                    return False
                first = False
                if not self._recheck:
                    break
            if self._is_done():
                return False
            place = self._counts[TAKEN]
            item = self._slots[place % self._capacity]
            self._counts[TAKEN] = place + 1
            me.record("gets", on=BUFFER, value=item)
            self._changed.notify_all()
        return True

    def _is_full(self) -> bool:
        return bool(self._counts[PUT] - self._counts[TAKEN] >= self._capacity)

    def _is_empty(self) -> bool:
        return bool(self._counts[PUT] <= self._counts[TAKEN])

    def _is_done(self) -> bool:
        return bool(self._counts[TAKEN] >= self._items)

    def _wait(self, me: Recorder, first: bool = False) -> bool:
        """Wait for a change; return False if none comes for too long. All events are recorded under the lock."""
        me.record("waits", on=BUFFER)
        if first:
            self._count(WAITING_FIRST, self.all_wait)
        if not self._changed.wait(self.patience):
            me.record("gives up", on=BUFFER)
            return False
        me.record("wakes", on=BUFFER)
        if first:
            self._count(WOKEN_FIRST, self.all_woken)
        return True

    def _count(self, place: int, event: Event) -> None:
        """Count a consumer; with the last one, set the event."""
        self._counts[place] += 1
        if self._counts[place] == self._consumers:
            event.set()


@actor
def first_producer(me: Recorder, shared: Buffer, items: Sequence[int]) -> None:
    """Put an item when all consumers wait, and the others when it has woken all of them, or all but killed ones."""
    first, *others = items
    shared.all_wait.wait()
    shared.put(me, first)
    shared.all_woken.wait(shared.opening_patience)
    shared.all_woken.set()
    for item in others:
        if not shared.put(me, item):
            return


@actor
def producer(me: Recorder, shared: Buffer, items: Sequence[int]) -> None:
    """Put items, after the first one."""
    shared.all_woken.wait()
    for item in items:
        if not shared.put(me, item):
            return


@actor
def consumer(me: Recorder, shared: Buffer, seed: str, pace: float) -> None:
    """Take items until there are no more, and work with each of them for a while."""
    rng = random.Random(seed)  # noqa: S311 - the same work on every backend
    taken = shared.take(me, first=True)
    while taken:
        time.sleep(rng.random() * pace)
        taken = shared.take(me)


@dataclass(frozen=True)
class BoundedBuffer(Exercise):
    """Producers and consumers with a buffer between them."""

    name = "buffer"
    summary = N_("2 producers and 3 consumers share a buffer, with a Condition")
    printed_lines: ClassVar = {
        "puts": PrintedLine(N_("{who} puts {value}"), "green"),
        "gets": PrintedLine(N_("{who} takes {value}")),
        "waits": PrintedLine(N_("{who} waits"), "yellow"),
        "gives up": PrintedLine(N_("{who} gives up waiting"), "red"),
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
        patience = PATIENCE if run.fault_plan else None
        shared = Buffer(run.ctx, self.capacity, self.items, self.consumers, self.how == "loop", patience)
        run.recorder(LAB).record("creates", on=BUFFER, why="condition")
        processes = []
        for number in range(self.consumers):
            name = f"consumer {number}"
            args = (run.recorder(name), shared, f"{self.seed}/{number}", self.pace)
            processes.append(run.ctx.Process(target=consumer, args=args, name=name))
        for number in range(self.producers):
            name = f"producer {number}"
            items = range(number + 1, self.items + 1, self.producers)
            target = first_producer if number == 0 else producer
            processes.append(run.ctx.Process(target=target, args=(run.recorder(name), shared, items), name=name))
        run.start_and_join(processes, max_silence=self.pace + (patience or 0))

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
