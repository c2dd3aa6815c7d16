"""What simulated processes do with an event or a queue; and the workloads of all primitives."""

from __future__ import annotations

import queue
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from broker.engine.operations import Sleep
from broker.engine.requests import run
from broker.errors import LeaseLostError
from broker.locks.event import Event
from broker.messages.queues import JoinableQueue, Queue
from tests.simulation.barrier_workload import BarrierWorkload
from tests.simulation.condition_workload import ConditionWorkload
from tests.simulation.history import Ended
from tests.simulation.permits_workload import PermitsWorkload
from tests.simulation.process import Process, SimulatedConnection
from tests.simulation.workload import FINAL_ROUNDS, NAME, URL, Steps, Workload

if TYPE_CHECKING:
    from tests.simulation.world import World


class EventWorkload(Workload):
    """Processes wait for an event, and set and clear it."""

    def start(self, process: Process, rng: Random) -> None:
        event = Event.at(URL, NAME)
        for number in range(2):
            task_rng = Random(f"{rng.random()}/{number}")
            longest = (None, 5.0)[number]  # if all waited without a timeout, nobody would set the flag
            process.start_worker(self._work(process, event, task_rng, longest))

    def end(self, now: float, stuck: list[str]) -> Ended:
        return Ended(now, None, 0, 0, stuck)

    def _work(self, process: Process, event: Event, rng: Random, longest: float | None) -> Steps:
        left = FINAL_ROUNDS
        while left:
            final = self._world.calm
            try:
                timeout = None if final else rng.choice((longest, longest, 5.0, 0.5, 0.01))
                yield from self._round(process, event, rng, timeout)
            except KeyboardInterrupt:
                continue
            left -= final

    def _round(self, process: Process, event: Event, rng: Random, timeout: float | None) -> Steps:
        final = self._world.calm

        def call(name: str, steps: Callable[[SimulatedConnection], Steps]) -> Steps:
            return self._call(process, name, lambda client: (client.client_id, steps(client)))

        yield Sleep(self._world.now + rng.choice((0.001, 0.05, 0.5)) * rng.random())
        if final or rng.random() < 0.3:
            yield from call("set", lambda client: run(client, event._set_script, client.new_token()))
            if rng.random() < 0.8 and not final:
                yield from call("clear", lambda client: run(client, event._clear_script, client.new_token()))
            if not final:
                return
        waited = yield from call("wait", lambda client: event._wait(client, timeout))
        if waited:
            self._world.count_progress()


class QueueWorkload(Workload):
    """Processes put items into a queue and get them; with a joinable one, they hold each until it is done."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._items = 0

    def start(self, process: Process, rng: Random) -> None:
        items = self._make()
        for number, work in enumerate((self._put, self._get)):
            task_rng = Random(f"{rng.random()}/{number}")
            process.start_worker(work(process, items, task_rng))

    def end(self, now: float, stuck: list[str]) -> Ended:
        items, server = self._make(), self._world.server
        left = server.read(b"LRANGE", items._keys[3], b"0", b"-1") + server.read(b"HVALS", items._keys[4])
        waiters = [token for key in (1, 8) for token in server.read(b"ZRANGE", items._keys[key], b"0", b"-1")]
        return Ended(now, left, self._count_living(waiters), 0, stuck)

    def _make(self) -> Queue:
        schedule = self._world.schedule
        maxsize = (0, 1, 3, 10)[schedule.value - 1]
        if schedule.primitive == "queue":
            return Queue.at(URL, NAME, maxsize=maxsize)
        return JoinableQueue.at(URL, NAME, maxsize=maxsize, lease=schedule.lease)

    def _put(self, process: Process, items: Queue, rng: Random) -> Steps:
        while not self._world.calm:
            try:
                yield Sleep(self._world.now + rng.choice((0.0, 0.001, 0.05, 0.5)) * rng.random())
                self._items += 1
                item = b"%d" % self._items
                deadline = self._deadline(rng)

                def put(
                    client: SimulatedConnection, item: bytes = item, deadline: float = deadline
                ) -> tuple[bytes, Steps]:
                    return item, items._put_item(process.holdings, client, item, deadline)

                yield from self._call(process, "put", put, (queue.Full,))
            except KeyboardInterrupt:
                continue

    def _get(self, process: Process, items: Queue, rng: Random) -> Steps:
        empty = 0
        while empty < FINAL_ROUNDS:
            calm = self._world.calm
            try:
                yield Sleep(self._world.now + rng.choice((0.0, 0.001, 0.05)) * rng.random())
                deadline = self._world.now + 2 * self._world.schedule.lease if calm else self._deadline(rng)

                def get(client: SimulatedConnection, deadline: float = deadline) -> tuple[bytes, Steps]:
                    return client.client_id, items._get_item(process.holdings, client, deadline)

                item = yield from self._call(process, "get", get, (queue.Empty,))
                if item is not None:
                    self._world.count_progress()
                    yield from self._finish(process, items, rng)
                empty += calm and item is None
            except KeyboardInterrupt:
                continue

    def _finish(self, process: Process, items: Queue, rng: Random) -> Steps:
        if not isinstance(items, JoinableQueue):
            return
        try:
            yield Sleep(self._world.now + rng.choice((0.0, 0.001, 0.01, 0.05)))
        finally:
            yield from self._task_done(process, items)

    def _task_done(self, process: Process, items: JoinableQueue) -> Steps:
        lease = next(items._candidates(process.holdings, 1), None)
        token = lease.token if lease else None

        def task_done(client: SimulatedConnection) -> tuple[bytes | None, Steps]:
            return token, items._release(process.holdings, client, items._done_script, 1)

        yield from self._call(process, "task_done", task_done, (LeaseLostError,))

    def _deadline(self, rng: Random) -> float:
        timeout = rng.choice((0.0, 0.05, 1.0, 5.0, 5.0))
        return self._world.now + timeout if timeout else 0.0


WORKLOADS: dict[str, Callable[[Any], Workload]] = {
    "lock": PermitsWorkload,
    "semaphore": PermitsWorkload,
    "event": EventWorkload,
    "queue": QueueWorkload,
    "joinable": QueueWorkload,
    "condition": ConditionWorkload,
    "barrier": BarrierWorkload,
}
