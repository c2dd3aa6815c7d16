"""What simulated processes do with a primitive."""

from __future__ import annotations

import queue
from collections.abc import Callable, Generator
from random import Random
from typing import TYPE_CHECKING, Any

import redis

from broker.engine.operations import Sleep
from broker.engine.requests import run
from broker.errors import BrokerError, LeaseLostError
from broker.locks.event import Event
from broker.locks.lock import Lock
from broker.locks.permits import PermitRequest, Permits
from broker.locks.semaphore import BoundedSemaphore
from broker.messages.queues import JoinableQueue, Queue
from broker.transport.connection import NEVER
from tests.simulation.history import Ended
from tests.simulation.process import Process, SimulatedConnection
from tests.simulation.schedule import LONGEST_HOLD

if TYPE_CHECKING:
    from tests.simulation.world import World

Steps = Generator[Any, Any, Any]
URL = "redis://simulated"
NAME = "simulated"
ERROR_DELAY = 0.2  # seconds until a program goes on after an error
FINAL_ROUNDS = 2  # of every process, when faults are over


class Workload:
    """What the processes of a simulation do; each works until faults are over, and then a little more."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls = 0

    def start(self, process: Process, rng: Random) -> None:
        """Start the tasks of a process."""
        raise NotImplementedError

    def end(self, now: float, stuck: list[str]) -> Ended:
        """Return what is left on the server."""
        raise NotImplementedError

    def _count_living(self, tokens: list[bytes]) -> int:
        # A waiter that was killed is in the queue until it would be the next: nobody needs to be, at the end.
        alive = {b"%d" % process.number for process in self._world.processes}
        return sum(token.split(b"/")[1] in alive for token in tokens)

    def _call(
        self,
        process: Process,
        call: str,
        prepare: Callable[[SimulatedConnection], tuple[bytes | None, Steps]],
        failures: tuple[Any, ...] = (),
        deadline: float = 0.0,
    ) -> Steps:
        """Run a call, which is prepared for a connection: its token and its steps. Record it, and what came of it.

        Return its result, or None if it failed or if that is unknown.
        """
        self._calls += 1
        number, world, token = self._calls, self._world, None

        def run(client: SimulatedConnection) -> Steps:
            nonlocal token
            token, steps = prepare(client)
            world.record(process, number, call, "invoked", deadline, token)
            return steps

        try:
            result = yield from process.run(run)
        except failures as error:
            world.record(process, number, call, "failed", error, token)
            return None
        except (BrokerError, redis.RedisError, KeyboardInterrupt) as error:
            world.record(process, number, call, "unknown", error, token)
            if isinstance(error, KeyboardInterrupt):
                raise
            yield Sleep(world.now + ERROR_DELAY)
            return None
        world.record(process, number, call, "succeeded", result, token)
        return result


class PermitsWorkload(Workload):
    """Processes acquire and release a lock or a semaphore."""

    def start(self, process: Process, rng: Random) -> None:
        permits = self._make()
        for number in range(1 if rng.random() < 0.7 else 2):
            task_rng = Random(f"{rng.random()}/{number}")
            process.start_worker(self._work(process, permits, task_rng))

    def end(self, now: float, stuck: list[str]) -> Ended:
        permits, server = self._make(), self._world.server
        fields = server.read(b"HGETALL", permits._keys[0])
        waiters = server.read(b"ZRANGE", permits._keys[1], b"0", b"-1")
        time = server.time(now)
        held = zip(fields[::2], map(bytes.split, fields[1::2]), strict=True)
        holders = [token for token, parts in held if len(parts) == 3 and int(parts[1]) > time]
        return Ended(now, None, self._count_living(waiters), self._count_living(holders), stuck)

    def _make(self) -> Permits:
        schedule = self._world.schedule
        if schedule.primitive == "lock":
            return Lock.at(URL, NAME, lease=schedule.lease)
        return BoundedSemaphore.at(URL, NAME, value=schedule.value, lease=schedule.lease)

    def _work(self, process: Process, permits: Permits, rng: Random) -> Steps:
        left = FINAL_ROUNDS
        while left:
            final = self._world.calm
            try:
                acquired = yield from self._round(process, permits, rng, final)
            except KeyboardInterrupt:
                continue
            if final and acquired:
                left -= 1

    def _round(self, process: Process, permits: Permits, rng: Random, final: bool) -> Steps:
        think = rng.choice((0.0, 0.001, 0.05, 0.5)) * rng.random()
        timeout = rng.choice((NEVER, NEVER, NEVER, 0.0, 0.05, 1.0, 5.0))
        hold = rng.choice((0.0, 0.001, 0.01, 0.05, 0.02))
        if rng.random() < 0.08:  # needs renewals
            hold = permits.lease * rng.uniform(0.5, LONGEST_HOLD)
        yield Sleep(self._world.now + think)
        deadline = NEVER if final else self._world.now + timeout if timeout else 0.0
        request: PermitRequest | None = None

        def acquire(client: SimulatedConnection) -> tuple[bytes, Steps]:
            nonlocal request
            request = PermitRequest(permits, process.holdings, client)
            return request._token, self._acquire(request, deadline)

        acquired = yield from self._call(process, "acquire", acquire, deadline=deadline)
        if acquired:
            assert request is not None
            lease = request._granted
            try:
                yield Sleep(self._world.now + hold)
                if lease is not None:
                    self._world.record(process, 0, "hold", "succeeded", lease.is_valid)
            finally:
                yield from self._release(process, permits, rng)
        return acquired

    def _acquire(self, request: PermitRequest, deadline: float) -> Steps:
        if not (yield from request.complete(deadline)):
            return False
        self._world.record_held()
        self._world.count_progress()
        return request._granted.fence if request._granted is not None else False

    def _release(self, process: Process, permits: Permits, rng: Random) -> Steps:
        order = permits._release_order
        while True:
            lease = next(permits._candidates(process.holdings, order), None)
            token, deadline = (lease.token, lease.deadline) if lease else (None, 0.0)

            def release(client: SimulatedConnection, token: bytes | None = token) -> tuple[bytes | None, Steps]:
                return token, permits._release(process.holdings, client, permits._release_script, order)

            try:
                yield from self._call(process, "release", release, (LeaseLostError,), deadline)
            except KeyboardInterrupt:
                if rng.random() < 0.5:
                    raise  # the release is completed in the background
            else:
                return


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
}
