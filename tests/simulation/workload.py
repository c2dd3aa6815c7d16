"""A workload: what simulated processes do with a primitive."""

from __future__ import annotations

from collections.abc import Callable, Generator
from random import Random
from typing import TYPE_CHECKING, Any

import redis

from broker.engine.operations import Sleep
from broker.errors import BrokerError
from tests.simulation.history import Ended
from tests.simulation.process import Process, SimulatedConnection
from tests.simulation.server import SimulatedServer

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

    def read_state(self, server: SimulatedServer) -> Any:
        """Return what is on the server, if checks ask for that after each script."""

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
