"""A wire: a socket to the server, for all tasks of an event loop.

redis-py opens it and handles addresses, TLS, passwords and databases; then this protocol takes its transport over.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

import redis
import redis.asyncio.connection

from broker.aio.signal import Signal
from broker.errors import InvalidArgumentError
from broker.transport.address import without_password
from broker.transport.replies import INCOMPLETE, ReplyParser
from broker.transport.server_errors import UnexpectedReplyError
from broker.transport.wire import KEEPALIVE, opening_error

W = TypeVar("W", bound="Wire")


class Wire(asyncio.Protocol):
    """An open socket to the server that speaks RESP2; it cannot be used any more when `is_open` is false."""

    def __init__(self) -> None:
        self.is_open = True
        self.receptions = 0  # how often something was received
        self._replies = ReplyParser()
        self._connection: redis.asyncio.connection.AbstractConnection | None = None
        self._transport: asyncio.WriteTransport | None = None

    def attach(self, connection: redis.asyncio.connection.AbstractConnection) -> None:
        """Take over the socket of a connection of redis-py which has just connected."""
        assert connection._writer is not None
        self._connection = connection  # its stream closes the transport when it is collected
        self._transport = connection._writer.transport
        self._transport.set_protocol(self)

    def on_reply(self, reply: Any) -> None:
        """Process the next reply; an error is passed as an exception."""
        raise NotImplementedError

    def on_close(self) -> None:
        """Tell everybody who waits for something that it will not arrive."""
        raise NotImplementedError

    def send(self, request: bytes) -> None:
        """Send a packed request."""
        if not self.is_open:
            raise redis.ConnectionError("the connection is closed")
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived."""
        self.receptions += 1
        self._replies.feed(data)
        try:
            while self.is_open and (reply := self._next_reply()) is not INCOMPLETE:
                self.on_reply(reply)
        except UnexpectedReplyError:
            self.close()

    def _next_reply(self) -> Any:
        try:
            return self._replies.next()
        except UnexpectedReplyError:
            raise
        except redis.RedisError as error:  # which the server has replied
            return error

    def connection_lost(self, _: Exception | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the socket; whatever is outstanding counts as lost."""
        if not self.is_open:
            return
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()
        if self._connection is not None:
            self._connection._reader = self._connection._writer = None
        self.on_close()

    def close_silent(self, receptions: int) -> bool:
        """Close it if nothing has been received since `receptions` was read; return whether it is closed."""
        if self.receptions == receptions:
            self.close()
        return not self.is_open

    def close_inherited(self) -> None:
        """Close the socket in a forked child; the parent's stays connected."""
        if self.is_open and self._transport is not None:
            self.is_open = False
            inherited = getattr(self._transport.get_extra_info("socket"), "_sock", None)
            if isinstance(inherited, socket.socket):
                inherited.close()


class WireOpener:
    """Opens wires to a URL."""

    def __init__(self, url: str) -> None:
        try:
            options: dict[str, Any] = {"driver_info": None} | redis.asyncio.connection.parse_url(url)
            self._class = options.pop("connection_class", redis.asyncio.connection.Connection)
            self._class(**options)  # rejects unknown options
        except (ValueError, AttributeError, TypeError, redis.RedisError):
            raise InvalidArgumentError(
                f"{without_password(url)!r} is not a Redis URL; write redis://host:port/db, rediss://… or unix:///path"
            ) from None  # the errors of redis-py and urllib may quote a password
        self._options = options | {"protocol": 2, "decode_responses": False}
        if not issubclass(self._class, redis.asyncio.connection.UnixDomainSocketConnection):
            self._options |= {"socket_keepalive": True, "socket_keepalive_options": KEEPALIVE}

    async def open(self, make: Callable[[], W], timeout: float) -> W:
        """Return a wire that is connected within `timeout` seconds; raise redis-py's errors."""
        timeouts = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        connection = self._class(**self._options | timeouts)
        try:
            await asyncio.wait_for(connection.connect(), timeout)
        except asyncio.TimeoutError:
            await connection.disconnect(nowait=True)
            raise redis.TimeoutError("the server did not accept a connection in time") from None
        except redis.ConnectionError as error:
            uses_tls = isinstance(connection, redis.asyncio.connection.SSLConnection)
            raise opening_error(error, uses_tls) from error
        wire = make()
        wire.attach(connection)
        return wire


class SharedWire(Generic[W]):
    """At most one wire at a time; whichever task needs it first has it opened, for all."""

    def __init__(self, opener: WireOpener, make: Callable[[], W], timeout: float) -> None:
        self.current: W | None = None
        self._open = partial(opener.open, make, timeout)
        self._opened = Signal()
        self._opening: asyncio.Task[None] | None = None

    async def get(self, timeout: float) -> W:
        """Return an open wire; raise redis-py's errors if there is none within `timeout` seconds."""
        if self._opening is None and (self.current is None or not self.current.is_open):
            self._opened = Signal()
            self._opening = asyncio.get_running_loop().create_task(self._reopen(self._opened))
        await self._opened.wait(timeout)  # if this task is cancelled, others still wait for it
        assert self.current is not None
        return self.current

    async def _reopen(self, opened: Signal) -> None:
        error: redis.RedisError | None = redis.ConnectionError("connecting was cancelled")
        try:
            self.current = await self._open()
            error = None
        except redis.RedisError as raised:
            error = raised
        except Exception as raised:
            error = redis.ConnectionError(f"connecting failed: {raised!r}")
        finally:
            self._opening = None
            opened.set(error)

    def close(self) -> None:
        """Close the wire, and stop opening one."""
        if self._opening is not None:
            self._opening.cancel()
        if self.current is not None:
            self.current.close()
