"""The simulated network between processes and the server: latencies, losses, late copies, subscriptions."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

import redis

from broker.transport.connection import NEVER
from broker.transport.scripts import BoundScript, Command
from broker.transport.server_errors import PASSING
from tests.simulation.history import Ran
from tests.simulation.process import MessageWire, SimulatedConnection, Task, timeout_by
from tests.simulation.server import Message

if TYPE_CHECKING:
    from tests.simulation.world import World


SLOW_REPLY = 0.8  # seconds at most that a reply to a slow host takes


class Network:
    """Carries requests, replies and messages, in order on each connection."""

    def __init__(self, world: World, rng: Random, latency: float) -> None:
        self._world = world
        self._rng = rng
        self._latency = latency
        self.wires: dict[bytes, list[MessageWire]] = {}

    def delay(self) -> float:
        """Return the time that a packet takes."""
        return self._latency * (0.05 + self._rng.random() ** 3)

    def execute(
        self, task: Task, step: int, script: BoundScript | Command, arguments: tuple[bytes, ...], deadline: float
    ) -> None:
        connection = task.connection
        timeout = timeout_by(connection, deadline)

        def run(text: bool) -> Any:
            world = self._world
            if script.sha and not text and script.sha not in world.server.known_scripts:
                again = world.now + timeout
                world.at(world.now + self.delay(), self._send, task, step, lambda: run(True), again)
                return _LATER
            world.server.known_scripts.add(script.sha)
            return self._run(connection, script, arguments)

        self._send(task, step, lambda: run(False), self._world.now + timeout)

    def post(self, task: Task, script: BoundScript, arguments: tuple[bytes, ...]) -> None:
        connection = task.connection
        text = script.sha not in connection.scripts_sent
        connection.scripts_sent.add(script.sha)

        def run() -> Any:
            if text or script.sha in self._world.server.known_scripts:
                self._world.server.known_scripts.add(script.sha)
                self._run(connection, script, arguments)

        self._send(task, None, run, self._world.now + connection.reply_timeout)

    def subscribe(self, task: Task, step: int, channel: bytes, deadline: float) -> None:
        connection, world = task.connection, self._world
        if channel in connection.channels:
            world.at(world.now, task.resume, step, None, None)
            return
        if connection.message_wire is None or connection.message_wire.broken:
            connection.close_message_wire()
            connection.message_wire = MessageWire(world.server.generation, connection)
        wire = connection.message_wire

        def run() -> None:
            if wire.open and wire.generation == world.server.generation and channel not in wire.channels:
                wire.channels.add(channel)
                self.wires.setdefault(channel, []).append(wire)
                world.server.subscribe(channel)
                wire.subscriptions += 1
                wire.inbox.clear()
            if wire.open and not wire.broken:
                connection.channels.add(channel)

        self._send(task, step, run, world.now + timeout_by(connection, deadline), connection.close_message_wire)

    def unsubscribe(self, task: Task, channel: bytes) -> None:
        connection = task.connection
        wire = connection.message_wire
        if wire is not None and channel in connection.channels:
            connection.channels.discard(channel)
            connection.last_arrival = max(self._world.now + self.delay(), connection.last_arrival)
            self._world.at(connection.last_arrival, self.forget, wire, channel)

    def forget(self, wire: MessageWire, channel: bytes) -> None:
        """The server learns that a wire is closed, or no longer subscribed."""
        if channel in wire.channels:
            wire.channels.discard(channel)
            if wire.generation == self._world.server.generation:
                self.wires[channel].remove(wire)
                self._world.server.unsubscribe(channel)

    def _run(self, connection: SimulatedConnection, script: BoundScript | Command, arguments: tuple[bytes, ...]) -> Any:
        world = self._world
        reply, messages = world.server.run(script, arguments, world.now)
        if isinstance(script, Command):
            return reply
        name = world.script_names[script.sha]
        time = world.server.time(world.now)
        world.history.append(
            Ran(
                world.now,
                connection.process.number,
                time,
                name,
                arguments[0],
                arguments[1:],
                reply,
                messages,
                state=world.workload.read_state(world.server),
            )
        )
        for message in messages:
            self._publish(message)
        if messages or name in ("acquire", "raise_fence", "condition wait"):  # it may be a grant
            world.record_held()
        return reply

    def _publish(self, message: Message) -> None:
        world = self._world
        for wire in self.wires.get(message.channel, ()):
            if wire.open and wire.generation == world.server.generation:
                wire.last_delivery = max(wire.last_delivery, world.now + self.delay())
                world.at(wire.last_delivery, world.deliver, wire, message, wire.subscriptions)

    def _send(
        self,
        task: Task,
        step: int | None,
        run: Callable[[], Any],
        give_up: float,
        close: Callable[[], None] | None = None,
    ) -> None:
        """Send a request that is carried out by `run`; the task goes on with its result, or fails at `give_up`."""
        world, connection = self._world, task.connection
        process, host = connection.process, connection.process.host
        if not world.server.running:
            self._fail(
                task,
                step,
                world.now + self.delay(),
                redis.ConnectionError("connection refused"),
                close or connection.close_request_wire,
            )
            return
        if connection.generation is None:
            connection.generation = world.server.generation
        # The connection for messages is new when it subscribes; that for requests may be to a server that has ended.
        generation = world.server.generation if close is not None else connection.generation
        fault, extra = process.request_faults.popleft() if process.request_faults else ("", 0.0)
        arrival = world.now + self.delay()
        if fault == "delay request":
            arrival += extra
        if host.cut_until > world.now:
            arrival = host.cut_until + self.delay()
        arrival = max(arrival, connection.last_arrival)
        close = close or connection.close_request_wire
        if fault == "lose request":
            self._fail(task, step, give_up, redis.TimeoutError("request lost"), close)
            return
        reply_delay = {"lose reply": NEVER, "delay reply": extra}.get(fault, 0.0)
        if host.slow_until > world.now:
            reply_delay += self._rng.random() * SLOW_REPLY
        connection.last_arrival = arrival
        if arrival > give_up:  # it arrives nevertheless
            self._fail(task, step, give_up, redis.TimeoutError("request late"), close)
            step = None
        world.at(arrival, self._arrive, task, step, run, give_up, generation, reply_delay, close)

    def _arrive(
        self,
        task: Task,
        step: int | None,
        run: Callable[[], Any],
        give_up: float,
        generation: int,
        reply_delay: float,
        close: Callable[[], None],
    ) -> None:
        world, host = self._world, task.process.host
        arrival = max(world.now, host.cut_until) + self.delay() + reply_delay
        error: Exception | None = None
        entries = len(world.history)
        if not world.server.running or world.server.generation != generation:
            value, error = None, redis.ConnectionError("connection reset")
        else:
            try:
                value = run()
            except redis.RedisError as response:
                value, error = None, response
        if step is None or value is _LATER:
            return
        if arrival > give_up:
            self._fail(task, step, give_up, redis.TimeoutError("reply lost"), close)
        else:
            ran = next((each for each in world.history[entries:] if isinstance(each, Ran)), None)
            world.at(arrival, self._reply, task, step, value, error, generation, close, ran)

    def _reply(
        self,
        task: Task,
        step: int,
        value: Any,
        error: Exception | None,
        generation: int,
        close: Callable[[], None],
        ran: Any,
    ) -> None:
        if error is None and generation != self._world.server.generation:
            value, error = None, redis.ConnectionError("connection reset")
        if error is not None:
            self._fail_now(task, step, error, close)
        else:
            if ran is not None and task.waits_for(step):
                ran.delivered = True
            task.resume(step, value, None)

    def _fail(self, task: Task, step: int | None, time: float, error: Exception, close: Callable[[], None]) -> None:
        if step is None:  # nobody waits for the reply
            close()
        else:
            self._world.at(time, self._fail_now, task, step, error, close)

    def _fail_now(self, task: Task, step: int, error: Exception, close: Callable[[], None]) -> None:
        if task.waits_for(step):
            if isinstance(error, PASSING) or not isinstance(error, redis.ResponseError):
                close()
            task.resume(step, None, error)


_LATER = object()  # the script's text is sent; that reply counts
