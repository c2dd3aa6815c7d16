"""What carries out the operations of one call: it shares the session's two wires with all other calls."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any, Protocol

import redis

from broker.aio.messages import Mailbox, MessageWire
from broker.aio.requests import RequestWire
from broker.aio.wire import SharedWire
from broker.transport.connection import GRACE, NEVER, Clock, thread_id
from broker.transport.scripts import BoundScript, Command


class Wires(Protocol):
    """What all connections of a session share."""

    client_id: bytes
    channel: bytes
    requests: SharedWire[RequestWire]
    messages: SharedWire[MessageWire]
    request_numbers: itertools.count[int]


class Connection(Clock):
    """The client and the I/O of one call, by a task of an event loop; only one call at a time has its `number`.

    The queues' scripts remember the last request of each client, so each call that is under way needs a client id of
    its own. But all of them are notified on one channel, whose name is the part of their ids before the colon.
    """

    def __init__(self, wires: Wires, number: int, reply_timeout: float) -> None:
        self.number = number
        self.is_retired = False  # whether no later call gets its number
        self.channel = wires.channel
        self.client_id = b"%b:%d" % (wires.client_id, number)
        self._wires = wires
        self._reply_timeout = reply_timeout
        self._mailbox: Mailbox | None = None

    def new_token(self) -> bytes:
        """Return a unique token for a request of this call: `host/pid/process/random:call:number/thread`."""
        return b"%b:%d/%d" % (self.client_id, next(self._wires.request_numbers), thread_id())

    async def sleep(self, until: float) -> None:  # type: ignore[override]
        """Wait until then."""
        await asyncio.sleep(max(0.0, until - time.monotonic()))

    async def execute(
        self, script: BoundScript | Command, arguments: tuple[bytes, ...] = (), deadline: float = NEVER
    ) -> Any:
        """Run a script or a command and return its reply, which counts as lost if it has not arrived by `deadline`."""
        timeout = self._timeout_by(deadline)
        wire = await self._wires.requests.get(timeout)
        try:
            return await wire.request(script, arguments, timeout)
        except redis.exceptions.NoScriptError:
            return await wire.request(script, arguments, timeout)

    async def post(self, script: BoundScript, arguments: tuple[bytes, ...] = ()) -> None:
        """Have a script run after all earlier requests; if the connection breaks, it may not run."""
        try:
            wire = await self._wires.requests.get(self._reply_timeout)
            wire.post(script, arguments)
        except (redis.ConnectionError, redis.TimeoutError):
            pass

    def disconnect(self) -> None:
        """Have the next request of the session sent on a new socket."""
        if self._wires.requests.current is not None:
            self._wires.requests.current.close()

    def retire(self) -> None:
        """Have its number used by no later call."""
        self.is_retired = True

    def is_subscribed(self, channel: bytes) -> bool:
        """Return whether the session is subscribed to `channel`, as far as it knows."""
        wire = self._wires.messages.current
        return wire is not None and wire.is_subscribed(channel)

    async def subscribe(self, channel: bytes, deadline: float = NEVER) -> None:
        """Receive every message that is published on `channel` after the return."""
        timeout = self._timeout_by(deadline)
        wire = await self._wires.messages.get(timeout)
        if self._mailbox is None:
            self._mailbox = Mailbox(self.client_id)
        await wire.subscribe(channel, self._mailbox, timeout)

    async def receive(self, _: bytes, deadline: float) -> bytes | None:
        """Return the next message on the channel that was subscribed to; None at `deadline`."""
        assert self._mailbox is not None
        return await self._mailbox.receive(deadline)

    async def unsubscribe(self, channel: bytes) -> None:
        """End the subscription to `channel`."""
        self._leave(channel)

    def close(self) -> None:
        """End the subscription to the session's own channel."""
        self._leave(self.channel)

    def _leave(self, channel: bytes) -> None:
        wire = self._wires.messages.current
        if wire is not None and self._mailbox is not None:
            wire.unsubscribe(channel, self._mailbox)

    def _timeout_by(self, deadline: float) -> float:
        if deadline == NEVER:
            return self._reply_timeout
        # Half of what is left, so that after a lost reply there is time to ask again on a new connection.
        return max(GRACE, min((deadline - time.monotonic()) / 2, self._reply_timeout))
