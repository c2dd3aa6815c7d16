"""What simulated processes do with a barrier: they arrive again and again, some with an action."""

from __future__ import annotations

import contextlib
from random import Random
from typing import TYPE_CHECKING

from broker.engine.operations import Sleep
from broker.engine.requests import run
from broker.errors import BrokenBarrierError, BrokerError
from broker.locks.arrival import BREAK, Arrival
from broker.locks.barrier import COMPLETE, READ, RESET, Barrier
from broker.transport.connection import NEVER
from tests.simulation.history import Ended
from tests.simulation.process import Process, SimulatedConnection
from tests.simulation.schedule import Schedule
from tests.simulation.server import SimulatedServer
from tests.simulation.states import BarrierState, read_barrier
from tests.simulation.workload import ERROR_DELAY, FINAL_ROUNDS, NAME, URL, Steps, Workload

if TYPE_CHECKING:
    from tests.simulation.world import World


def count_parties(schedule: Schedule) -> int:
    """Return how many parties the barrier of a schedule has."""
    return min(schedule.processes, schedule.value + 1)


class BarrierWorkload(Workload):
    """Tasks arrive until each has passed a few times after the last fault; the last ones are let go by `abort`."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._left: dict[tuple[int, int], int] = {}  # by process and task: how often it has to pass, after faults

    def start(self, process: Process, rng: Random) -> None:
        for number in range(1 if rng.random() < 0.7 else 2):
            self._left[process.number, number] = FINAL_ROUNDS
            process.start_worker(self._work(process, number, Random(f"{rng.random()}/{number}")))

    def read_state(self, server: SimulatedServer) -> BarrierState:
        return read_barrier(server, self._make())

    def end(self, now: float, stuck: list[str]) -> Ended:
        state = self.read_state(self._world.server)
        return Ended(now, None, self._count_living(state.waiting), 0, stuck)

    def _make(self) -> Barrier:
        schedule = self._world.schedule
        return Barrier.at(URL, NAME, parties=count_parties(schedule), lease=schedule.lease)

    def _work(self, process: Process, number: int, rng: Random) -> Steps:
        barrier = self._make()
        while not self._have_all_passed():
            final = self._world.calm
            try:
                yield Sleep(self._world.now + rng.choice((0.0, 0.001, 0.05, 0.5)) * rng.random())
                if not final and rng.random() < 0.02:
                    yield from self._call(process, "abort", lambda client: (None, barrier._abort(client)))
                timeout = NEVER if final else rng.choice((NEVER, NEVER, NEVER, 5.0, 0.5, 0.0))
                if (yield from self._meet(process, barrier, timeout, has_action=rng.random() < 0.3, rng=rng)):
                    self._left[process.number, number] -= final
                elif rng.random() < 0.6:
                    yield Sleep(self._world.now + ERROR_DELAY * rng.random())
                    yield from self._reset(process, barrier)
            except KeyboardInterrupt:
                continue
        yield from self._call(process, "abort", lambda client: (None, barrier._abort(client)))

    def _meet(self, process: Process, barrier: Barrier, timeout: float, has_action: bool, rng: Random) -> Steps:
        """Arrive; run the action, if this is to; return whether it has passed."""
        world, holdings, arrival = self._world, process.holdings, None
        deadline = NEVER if timeout == NEVER else world.now + timeout if timeout else 0.0

        def arrive(client: SimulatedConnection) -> tuple[bytes, Steps]:
            nonlocal arrival
            arrival = Arrival(barrier._bind_script, barrier._broken_error, holdings, client, barrier.lease, has_action)
            return arrival.token, complete(arrival)

        def complete(arrival: Arrival) -> Steps:
            yield from arrival.complete(deadline)
            if not arrival.acts:
                world.count_progress()
            return int(arrival.generation), arrival.place, arrival.acts

        passed = yield from self._call(process, "arrive", arrive, (BrokenBarrierError,), deadline)
        if not passed or not passed[2]:
            return passed
        assert arrival is not None

        def act(client: SimulatedConnection) -> tuple[bytes, Steps]:
            return arrival.token, self._act(process, barrier, client, arrival, rng.choice((0.001, 0.1, 1.0)))

        return (yield from self._call(process, "act", act, (BrokenBarrierError,)))

    def _act(
        self, process: Process, barrier: Barrier, client: SimulatedConnection, arrival: Arrival, duration: float
    ) -> Steps:
        """Do what `Barrier._act` does."""
        world, generation = self._world, int(arrival.generation)
        lease = barrier._action_lease(arrival)
        try:
            process.holdings.hold(barrier._key, lease)
            world.record(process, 0, "action", "invoked", generation, arrival.token)
            yield Sleep(world.now + duration)
            world.record(process, 0, "action", "succeeded", generation, arrival.token)
            reply, _ = yield from run(client, barrier._bind_script(COMPLETE), *arrival.arrived)
        except BaseException:
            with contextlib.suppress(BrokerError):
                if not process.dead:
                    yield from run(client, barrier._bind_script(BREAK), *arrival.arrived, b"action")
            raise
        finally:
            process.holdings.drop(barrier._key, lease)
        arrival.read(reply)
        world.count_progress()
        return generation, arrival.place, True

    def _reset(self, process: Process, barrier: Barrier) -> Steps:
        def reset(client: SimulatedConnection) -> tuple[None, Steps]:
            return None, steps(client)

        def steps(client: SimulatedConnection) -> Steps:
            (_, broken, _), _ = yield from run(client, barrier._bind_script(READ), client.new_token())
            if broken:
                yield from run(client, barrier._bind_script(RESET), client.new_token())

        yield from self._call(process, "reset", reset)

    def _have_all_passed(self) -> bool:
        world = self._world
        living = {process.number for process in world.processes}
        left = (left for (process, _), left in self._left.items() if process in living)
        return world.calm and len(living) == world.schedule.processes and all(each <= 0 for each in left)
