"""Operations: what the rules of the protocol ask for.

The rules (requests, waiting, leases) are generators that do no I/O. They yield an operation and are sent its result, or
thrown its error; the time is what their client says. `blocking.py` drives them with a thread and blocking sockets;
other drivers can use asyncio, or simulate the network and the time.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from broker.transport.connection import NEVER
from broker.transport.scripts import BoundScript, Command

T = TypeVar("T")


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Return the time in seconds; this clock is never set."""


class Client(Clock, Protocol):
    """Who sends requests: it has a channel, on which it is notified of grants, and gives each request a token."""

    channel: bytes

    def new_token(self) -> bytes:
        """Return a unique token for a request of the calling thread: `host/pid/process/random:number/thread`."""

    def is_subscribed(self, channel: bytes) -> bool:
        """Return whether it is subscribed to `channel`, as far as it knows."""

    def disconnect(self) -> None:
        """Send the next request on a new connection: a reply on this one was none to its request."""

    def retire(self) -> None:
        """Be used by no later call: the next request of a client replaces what a queue remembers of its last one."""


class IO(Protocol):
    """What carries out operations; times are of its client's clock.

    All methods raise redis-py's errors. After a `ConnectionError` or `TimeoutError` it is unknown whether a request was
    carried out.
    """

    def sleep(self, until: float) -> Any:
        """See `Sleep`."""

    def execute(self, script: BoundScript | Command, arguments: tuple[bytes, ...], deadline: float) -> Any:
        """See `Execute`."""

    def post(self, script: BoundScript, arguments: tuple[bytes, ...]) -> Any:
        """See `Post`."""

    def subscribe(self, channel: bytes, deadline: float) -> Any:
        """See `Subscribe`."""

    def unsubscribe(self, channel: bytes) -> Any:
        """See `Unsubscribe`."""

    def receive(self, channel: bytes, deadline: float) -> Any:
        """See `Receive`."""


class Operation(Protocol):
    """What steps yield."""

    def perform(self, io: IO) -> Any:
        """Carry it out and return its result."""


@dataclass(slots=True)
class Sleep:
    """Do nothing until then."""

    until: float

    def perform(self, io: IO) -> Any:
        return io.sleep(self.until)


@dataclass(slots=True)
class Execute:
    """Run a script or a command, and return its reply, which counts as lost if it has not arrived by `deadline`."""

    script: BoundScript | Command
    arguments: tuple[bytes, ...]
    deadline: float = NEVER

    def perform(self, io: IO) -> Any:
        return io.execute(self.script, self.arguments, self.deadline)


@dataclass(slots=True)
class Post:
    """Have a script run after all earlier requests, and do not wait for its reply."""

    script: BoundScript
    arguments: tuple[bytes, ...]

    def perform(self, io: IO) -> Any:
        return io.post(self.script, self.arguments)


@dataclass(slots=True)
class Subscribe:
    """Subscribe to a channel: every message that is published from then on is received."""

    channel: bytes
    deadline: float

    def perform(self, io: IO) -> Any:
        return io.subscribe(self.channel, self.deadline)


@dataclass(slots=True)
class Unsubscribe:
    """End a subscription."""

    channel: bytes

    def perform(self, io: IO) -> Any:
        return io.unsubscribe(self.channel)


@dataclass(slots=True)
class Receive:
    """Return the next message on a channel, or None at `deadline`; after an error, messages may have been missed."""

    channel: bytes
    deadline: float

    def perform(self, io: IO) -> Any:
        return io.receive(self.channel, self.deadline)


Steps: TypeAlias = Generator[Operation, Any, T]
