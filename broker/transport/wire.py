"""A socket to the server, and the few lines of the Redis protocol that the broker speaks on it.

redis-py opens the socket: addresses, TLS, passwords, databases. After that its general reader and writer would cost
more than all else that a lock does, so requests come packed (`scripts.py`), and replies are read here (RESP2,
https://redis.io/docs/latest/develop/reference/protocol-spec/).
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any

import redis
from redis.connection import UnixDomainSocketConnection, parse_url

from broker.errors import InvalidArgumentError
from broker.transport.address import without_password

INTEGER, ARRAY, BULK, ERROR = b":*$-"  # how a line of a reply begins

# A connection that only listens is given up after 6 s without a packet: later, a message that was lost meanwhile would
# come faster on a new one, since TCP doubles its pause before each next try. Only the kernels talk.
_KEEPALIVE = {
    getattr(socket, option): value
    for option, value in (("TCP_KEEPIDLE", 3), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 3))
    if hasattr(socket, option)
}
_ERRORS: dict[str, type[redis.RedisError]] = {
    "NOSCRIPT": redis.exceptions.NoScriptError,
    "READONLY": redis.exceptions.ReadOnlyError,
    "LOADING": redis.exceptions.BusyLoadingError,
    "NOAUTH": redis.exceptions.AuthenticationError,
    "NOPERM": redis.exceptions.NoPermissionError,
}


class Wire:
    """An open socket to the server.

    Raises redis-py's errors; after a `ConnectionError` it is of no more use. Without a time-out of its own, a call
    takes `timeout` seconds at most.
    """

    def __init__(self, connection: redis.Connection, timeout: float) -> None:
        connection.connect()
        self._connection = connection
        self._socket: socket.socket = connection._sock  # type: ignore[assignment]
        self._timeout = timeout
        self._limited = False
        self._buffer = b""
        self._at = 0

    def send(self, request: bytes) -> None:
        """Send a packed request."""
        if not self._limited:
            self._limit()
        try:
            self._socket.sendall(request)
        except OSError as error:
            raise redis.ConnectionError(f"sending failed: {error}") from error

    def read(self, timeout: float | None = None) -> Any:
        """Return the next reply; raise `TimeoutError` if it does not come in time, and another call may then get it."""
        if timeout is not None:
            self._socket.settimeout(timeout)
            self._limited = False
        elif not self._limited:
            self._limit()
        if self._at:
            self._buffer, self._at = self._buffer[self._at :], 0
        try:
            return self._reply()
        except (TimeoutError, BlockingIOError) as error:
            self._at = 0
            raise redis.TimeoutError("no reply in time") from error
        except OSError as error:
            raise redis.ConnectionError(f"receiving failed: {error}") from error

    def close(self) -> None:
        """Close the socket; a forked child does not disturb its parent's."""
        self._connection.disconnect()

    def _limit(self) -> None:
        self._limited = True
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.settimeout(self._timeout)
            return
        # With a time-out of Python's own, each send and each receive would first call poll().
        limit = struct.pack("@ll", int(self._timeout), int(self._timeout % 1 * 1_000_000))
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def _reply(self) -> Any:
        line = self._line()
        kind = line[0]
        if kind == INTEGER:
            return int(line[1:])
        if kind == ARRAY:
            return [self._reply() for _ in range(int(line[1:]))]
        if kind == BULK:
            return None if line == b"$-1" else self._bulk(int(line[1:]))
        if kind == ERROR:
            raise _error(line[1:].decode(errors="replace"))
        return line[1:]

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n", self._at)) < 0:
            self._receive()
        line = self._buffer[self._at : end]
        self._at = end + 2
        return line

    def _bulk(self, length: int) -> bytes:
        end = self._at + length
        while len(self._buffer) < end + 2:
            self._receive()
        value = self._buffer[self._at : end]
        self._at = end + 2
        return value

    def _receive(self) -> None:
        received = self._socket.recv(65536)
        if not received:
            raise ConnectionResetError("the server closed the connection")
        self._buffer += received


Open = Callable[[float], Wire]  # takes the seconds after which a reply counts as lost


def opener(url: str) -> Open:
    """Return what opens a wire to `url`; raise `InvalidArgumentError` if it is no Redis URL."""
    try:
        options: dict[str, Any] = {"driver_info": None} | parse_url(url)
        kind = options.pop("connection_class", redis.Connection)
        kind(**options)  # refuses an option that there is not
    except (ValueError, AttributeError, TypeError, redis.RedisError):
        raise InvalidArgumentError(
            f"{without_password(url)!r} is not a Redis URL; write redis://host:port/db, rediss://… or unix:///path"
        ) from None  # what redis-py and urllib say may quote a password
    options |= {"protocol": 2, "decode_responses": False}
    if not issubclass(kind, UnixDomainSocketConnection):
        options |= {"socket_keepalive": True, "socket_keepalive_options": _KEEPALIVE}

    def open_wire(timeout: float) -> Wire:
        limits = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        return Wire(kind(**options | limits), timeout)

    return open_wire


def _error(text: str) -> redis.RedisError:
    kind = _ERRORS.get(text.partition(" ")[0], redis.ResponseError)
    return kind(text)
