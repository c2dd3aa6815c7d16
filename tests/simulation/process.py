"""Simulated processes: they drive the broker's generators, one operation at a time, in virtual time."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis

from broker.engine.lease import Holdings, Lease, Withdrawal, renew
from broker.engine.operations import Execute, Operation, Post, Receive, Sleep, Subscribe, Unsubscribe
from broker.engine.session import RENEWAL_TIMEOUT, REPLY_TIMEOUT
from broker.transport.connection import GRACE, NEVER

if TYPE_CHECKING:
    from tests.simulation.world import World

Steps = Generator[Any, Any, Any]
KEEPALIVE = 6.0  # seconds without a packet after which a subscriber's connection counts as broken


@dataclass
class Host:
    """Processes on one host are cut off together."""

    number: int
    cut_since: float = 0.0
    cut_until: float = 0.0
    slow_until: float = 0.0


class MessageWire:
    """A connection for messages. The server may count it as subscribed although its client is gone."""

    def __init__(self, generation: int, connection: SimulatedConnection) -> None:
        self.generation = generation
        self.connection = connection  # which receives from it
        self.open = True  # as far as the client knows
        self.broken = False
        self.channels: set[bytes] = set()  # those that the server has recorded
        self.inbox: deque[tuple[bytes, bytes]] = deque()
        self.subscriptions = 0  # what was published before the last one is skipped
        self.last_delivery = 0.0


class SimulatedConnection:
    """A `Client`: what `broker.transport.connection.Connection` is to a thread."""

    def __init__(self, process: Process, reply_timeout: float) -> None:
        number = next(process.connection_numbers)
        self.process = process
        self.reply_timeout = reply_timeout
        self.client_id = b"h%d/%d/p/%d" % (process.host.number, process.number, number)
        self.channel = b"broker:" + self.client_id
        self.channels: set[bytes] = set()
        self.message_wire: MessageWire | None = None
        self.generation: int | None = None  # of the server to which the request wire is connected
        self.scripts_sent: set[bytes] = set()
        self.last_arrival = 0.0  # requests on one wire arrive in order
        self.is_retired = False  # whether it is not to be used by a later call
        self.task: Task | None = None  # which uses it
        self._numbers = itertools.count(1)

    def now(self) -> float:
        return self.process.world.now

    def new_token(self) -> bytes:
        return b"%b:%d/0" % (self.client_id, next(self._numbers))

    def is_subscribed(self, channel: bytes) -> bool:
        return channel in self.channels

    def disconnect(self) -> None:
        self.close_request_wire()

    def retire(self) -> None:
        self.is_retired = True

    def on_message(self) -> None:
        """Have the task that uses this receive what has arrived, if it waits for that."""
        if self.task is not None:
            self.task.on_message()

    def close_request_wire(self) -> None:
        self.generation = None
        self.scripts_sent.clear()
        self.last_arrival = 0.0

    def close_message_wire(self) -> None:
        self.channels.clear()
        if self.message_wire is not None:
            self.process.world.close_wire(self.message_wire, self.process)
            self.message_wire = None


@dataclass(slots=True)
class WakeUp:
    """What the renewer waits for: until then, or until something is added."""

    until: float

    def perform(self, io: Any) -> Any:
        raise NotImplementedError


class SimulatedRenewer:
    """What `broker.engine.lease_renewer.LeaseRenewer` does in a thread."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.leases: dict[bytes, Lease] = {}
        self.withdrawals: list[Withdrawal] = []
        self.task: Task | None = None

    def add(self, lease: Lease) -> None:
        self.leases[lease.token] = lease
        self._wake()

    def remove(self, lease: Lease) -> None:
        self.leases.pop(lease.token, None)

    def withdraw(self, withdrawal: Withdrawal) -> None:
        self.withdrawals.append(withdrawal)
        self._wake()

    def _wake(self) -> None:
        if self.task is not None:
            self.task.wake()

    def steps(self, client: SimulatedConnection) -> Steps:
        world = self._process.world
        while True:
            for lease in list(self.leases.values()):
                if lease.renew_at <= client.now():
                    yield from renew(client, lease)
                    world.record_held()
                if not lease.needs_renewal:
                    self.remove(lease)
            for withdrawal in list(self.withdrawals):
                if withdrawal.due <= client.now() and (yield from withdrawal.send(client)):
                    self.withdrawals.remove(withdrawal)
            due = [lease.renew_at for lease in self.leases.values()] + [each.due for each in self.withdrawals]
            yield WakeUp(min(due, default=NEVER))


class Process:
    """A process: its leases, their renewer, and tasks, which stand for its threads."""

    def __init__(self, world: World, number: int, host: Host) -> None:
        self.world = world
        self.number = number
        self.host = host
        self.dead = False
        self.paused_until = 0.0
        self.connection_numbers = itertools.count(1)
        self.request_faults: deque[tuple[str, float]] = deque()
        self.connections: list[SimulatedConnection] = []
        self._idle_connections: list[SimulatedConnection] = []
        self.renewer = SimulatedRenewer(self)
        self.holdings = Holdings(self.renewer, lambda: world.current.number)
        self.workers: list[Task] = []
        self.renewer.task = Task(self, self._drive(self._connect(RENEWAL_TIMEOUT), self.renewer.steps), world)

    def start_worker(self, steps: Steps) -> None:
        self.workers.append(Task(self, steps, self.world))

    def run(self, steps: Callable[[SimulatedConnection], Steps]) -> Steps:
        """Run what is made for a connection of the pool, as `Session.run` does."""
        idle = self._idle_connections
        connection = idle.pop() if idle else self._connect(REPLY_TIMEOUT)
        try:
            return (yield from self._drive(connection, steps))
        finally:
            if connection.is_retired:
                connection.close_message_wire()
                self.connections.remove(connection)
            else:
                idle.append(connection)

    def _drive(self, connection: SimulatedConnection, steps: Callable[[SimulatedConnection], Steps]) -> Steps:
        task = self.world.current
        connection.task, task.connection = task, connection
        try:
            return (yield from steps(connection))
        finally:
            connection.task = None

    def _connect(self, reply_timeout: float) -> SimulatedConnection:
        self.connections.append(SimulatedConnection(self, reply_timeout))
        return self.connections[-1]

    def end(self) -> None:
        """End as if it was killed."""
        self.dead = True
        for connection in self.connections:
            connection.close_message_wire()
        for task in (*self.workers, self.renewer.task):
            if task is not None:
                task.dispose()


class Task:
    """A thread of a process: a generator, and the operation that it waits for."""

    connection: SimulatedConnection  # of the call that it is in

    def __init__(self, process: Process, steps: Steps, world: World) -> None:
        self.process = process
        self.done = False
        self.number = world.next_number()
        self._steps = steps
        self._world = world
        self._operation: Operation | None = None
        self._step = 0  # identifies the operation that it waits for
        world.at(world.now, self.resume, 0, None, None)

    def resume(self, step: int, value: Any, error: BaseException | None) -> None:
        """Go on with the result of an operation, unless it no longer waits for that one."""
        if step != self._step or self.process.dead or self.done:
            return
        world = self._world
        if self.process.paused_until > world.now:
            world.at(self.process.paused_until, self.resume, step, value, error)
            return
        self._step += 1
        world.current = self
        try:
            self._operation = self._steps.send(value) if error is None else self._steps.throw(error)
        except StopIteration:
            self.done = True
            return
        self._start(self._operation)

    def waits_for(self, step: int) -> bool:
        return step == self._step and not self.done and not self.process.dead

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt at the operation that it waits for."""
        if self.process.dead or self.done:
            return
        operation = self._operation
        if isinstance(operation, Execute | Post):
            self.connection.close_request_wire()
        elif isinstance(operation, Receive | Subscribe):
            self.connection.close_message_wire()
        self.resume(self._step, None, KeyboardInterrupt())

    def wake(self) -> None:
        if isinstance(self._operation, WakeUp):
            self._world.at(self._world.now, self.resume, self._step, None, None)

    def on_message(self) -> None:
        """Receive what has arrived, or learn that the connection is broken, if it waits for that."""
        if isinstance(self._operation, Receive):
            self._receive(self._step)

    def dispose(self) -> None:
        """Free the generator without effect on anybody else: what it does meanwhile, it does as this task."""
        self.done = True
        self._world.current = self
        while self._steps.gi_frame is not None:
            try:
                self._steps.close()
            except RuntimeError:
                continue

    def _start(self, operation: Operation) -> None:
        world, step = self._world, self._step
        if isinstance(operation, Execute):
            world.network.execute(self, step, operation.script, operation.arguments, operation.deadline)
        elif isinstance(operation, Sleep):
            world.at(max(world.now, operation.until), self.resume, step, None, None)
        elif isinstance(operation, Receive):
            self._start_receiving(operation)
        elif isinstance(operation, Post):
            world.network.post(self, operation.script, operation.arguments)
            world.at(world.now, self.resume, step, None, None)
        elif isinstance(operation, Subscribe):
            world.network.subscribe(self, step, operation.channel, operation.deadline)
        elif isinstance(operation, Unsubscribe):
            world.network.unsubscribe(self, operation.channel)
            world.at(world.now, self.resume, step, None, None)
        elif isinstance(operation, WakeUp):
            if operation.until < NEVER:
                world.at(max(world.now, operation.until), self.resume, step, None, None)
        else:
            raise TypeError(operation)

    def _start_receiving(self, operation: Receive) -> None:
        world = self._world
        if operation.deadline <= world.now:
            world.at(world.now, self.resume, self._step, None, None)
            return
        if operation.deadline < NEVER:
            world.at(operation.deadline, self._receive, self._step, True)
        self._receive(self._step)

    def _receive(self, step: int, expired: bool = False) -> None:
        if step != self._step or self.process.dead or self.done:
            return
        world, operation = self._world, self._operation
        assert isinstance(operation, Receive)
        if self.process.paused_until > world.now:
            world.at(self.process.paused_until, self._receive, step, expired)
            return
        wire = self.connection.message_wire
        while wire is not None and wire.inbox:
            channel, payload = wire.inbox.popleft()
            if channel == operation.channel:
                self.resume(step, payload, None)
                return
        if wire is None or wire.broken:
            self.connection.close_message_wire()
            self.resume(step, None, redis.ConnectionError("the connection for messages is broken"))
        elif expired:
            self.resume(step, None, None)


def timeout_by(connection: SimulatedConnection, deadline: float) -> float:
    """Return how long a request may take, as `Connection` computes it."""
    if deadline == NEVER:
        return connection.reply_timeout
    return max(GRACE, min((deadline - connection.now()) / 2, connection.reply_timeout))
