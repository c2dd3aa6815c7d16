"""What simulated processes do with a condition: they wait to be notified, and notify."""

from __future__ import annotations

from random import Random

from broker.engine.lease import NOT_SENT
from broker.engine.operations import Sleep
from broker.errors import LeaseLostError, NotOwnedError
from broker.locks.condition import ALL, Condition
from broker.locks.lock import Lock
from broker.locks.permits import Permits
from broker.locks.rlock import RLock
from broker.locks.wait_request import WaitRequest
from broker.transport.connection import NEVER
from tests.simulation.history import Ended
from tests.simulation.permits_workload import PermitsWorkload
from tests.simulation.process import Process, SimulatedConnection
from tests.simulation.server import SimulatedServer
from tests.simulation.states import ConditionState, read_condition
from tests.simulation.workload import FINAL_ROUNDS, NAME, URL, Steps


class ConditionWorkload(PermitsWorkload):
    """A task of each process waits, and another one notifies, until all have been notified after the last fault."""

    def start(self, process: Process, rng: Random) -> None:
        condition = self._make_condition()
        for number, work in enumerate((self._wait_often, self._notify_often)):
            process.start_worker(work(process, condition, Random(f"{rng.random()}/{number}")))

    def read_state(self, server: SimulatedServer) -> ConditionState:
        return read_condition(server, self._make_condition())

    def end(self, now: float, stuck: list[str]) -> Ended:
        server, time = self._world.server, self._world.server.time(now)
        state = self.read_state(server)
        waiters = self._count_living([*state.queue, *state.waiting])
        holders = self._count_living([token for token, expiry in state.held.items() if expiry > time])
        return Ended(now, None, waiters, holders, stuck)

    def _make_condition(self) -> Condition:
        return Condition.at(URL, NAME, lock=self._make())

    def _make(self) -> Lock | RLock:
        schedule = self._world.schedule
        return (Lock if schedule.value % 2 else RLock).at(URL, NAME, lease=schedule.lease)

    def _wait_often(self, process: Process, condition: Condition, rng: Random) -> Steps:
        lock, left = condition.lock, FINAL_ROUNDS
        while left:
            final = self._world.calm
            timeout = NEVER if final else rng.choice((NEVER, NEVER, NEVER, 5.0, 0.5, 0.0))
            try:
                yield Sleep(self._world.now + rng.choice((0.0, 0.001, 0.05)) * rng.random())
                if not (yield from self._acquire(process, lock, NEVER)):
                    continue
                try:
                    notified = yield from self._wait(process, condition, timeout)
                finally:
                    self._record_return(process, lock)
                    yield from self._release(process, lock, rng)
            except KeyboardInterrupt:
                continue
            left -= bool(final and notified)

    def _notify_often(self, process: Process, condition: Condition, rng: Random) -> Steps:
        while not (self._world.calm and self._all_were_notified()):
            try:
                longest = 0.5 if self._world.calm else rng.choice((0.001, 0.02, 0.2))
                yield Sleep(self._world.now + longest * rng.random())
                if not (yield from self._acquire(process, condition.lock, NEVER)):
                    continue
                try:
                    count = ALL if self._world.calm else rng.choice((1, 1, 1, 2, ALL))
                    yield from self._notify(process, condition, count)
                finally:
                    yield from self._release(process, condition.lock, rng)
            except KeyboardInterrupt:
                continue

    def _wait(self, process: Process, condition: Condition, timeout: float) -> Steps:
        holdings = process.holdings
        deadline = NEVER if timeout == NEVER else self._world.now + timeout

        def steps(request: WaitRequest) -> Steps:
            yield from request.complete(deadline)
            self._world.record_held()
            if request.was_notified:
                self._world.count_progress()
            return request.was_notified

        def wait(client: SimulatedConnection) -> tuple[bytes, Steps]:
            held = condition._held_lease(holdings, holdings.owner())
            request = WaitRequest(condition.lock, condition._bind_script, holdings, client, held)
            return request._token, steps(request)

        return (yield from self._call(process, "wait", wait, (LeaseLostError,), deadline))

    def _notify(self, process: Process, condition: Condition, count: int) -> Steps:
        def notify(client: SimulatedConnection) -> tuple[bytes, Steps]:
            return client.client_id, condition._notify(process.holdings, client, count)

        yield from self._call(process, "notify", notify, (LeaseLostError, NotOwnedError))

    def _release(self, process: Process, permits: Permits, rng: Random) -> Steps:
        if not process.dead:  # its generators are closed while another task is current, which must not get this call
            yield from super()._release(process, permits, rng)

    def _record_return(self, process: Process, lock: Permits) -> None:
        lease = next(lock._candidates(process.holdings, -1), None)
        own = lease is not None and lease.owner == process.holdings.owner() and lease.release == NOT_SENT
        self._world.record(process, 0, "return", "succeeded", own, lease.token if lease and own else None)

    def _all_were_notified(self) -> bool:
        return all(process.workers[0].done for process in self._world.processes)
