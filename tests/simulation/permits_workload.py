"""What simulated processes do with a lock or a semaphore."""

from __future__ import annotations

from random import Random

from broker.engine.operations import Sleep
from broker.errors import LeaseLostError
from broker.locks.lock import Lock
from broker.locks.permits import PermitRequest, Permits
from broker.locks.semaphore import BoundedSemaphore
from broker.transport.connection import NEVER
from tests.simulation.history import Ended
from tests.simulation.process import Process, SimulatedConnection
from tests.simulation.schedule import LONGEST_HOLD
from tests.simulation.workload import FINAL_ROUNDS, NAME, URL, Steps, Workload


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
        acquired = yield from self._acquire(process, permits, deadline)
        if acquired:
            lease = next(permits._candidates(process.holdings, -1), None)
            try:
                yield Sleep(self._world.now + hold)
                if lease is not None:
                    self._world.record(process, 0, "hold", "succeeded", lease.is_valid)
            finally:
                yield from self._release(process, permits, rng)
        return acquired

    def _acquire(self, process: Process, permits: Permits, deadline: float) -> Steps:
        def steps(request: PermitRequest) -> Steps:
            if not (yield from request.complete(deadline)):
                return False
            self._world.record_held()
            self._world.count_progress()
            return request._granted.fence if request._granted is not None else False

        def acquire(client: SimulatedConnection) -> tuple[bytes, Steps]:
            request = PermitRequest(permits, process.holdings, client)
            return request._token, steps(request)

        return (yield from self._call(process, "acquire", acquire, deadline=deadline))

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
