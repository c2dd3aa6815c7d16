"""A wire: a socket to the server, and the part of the Redis protocol that the broker needs.

redis-py opens the socket and handles addresses, TLS, passwords and databases. Its general-purpose reader and writer
would then cost more than everything else in a lock operation, so `scripts.py` packs the requests and this module parses
the replies (RESP2, https://redis.io/docs/latest/develop/reference/protocol-spec/).
"""

from __future__ import annotations

import functools
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any

import redis
from redis.connection import UnixDomainSocketConnection, parse_url

from broker.errors import InvalidArgumentError
from broker.transport.address import without_password

INTEGER, ARRAY, BULK, ERROR = b":*$-"  # the first byte of a reply line

CHUNK_SIZE, MAX_CHUNK_SIZE = 65536, 1 << 20  # bytes per receive

# TCP keepalive: a connection that is only subscribed is closed after 6 s without a packet. TCP doubles the delay before
# each retransmission, so after that a lost message would arrive sooner on a new connection.
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
    """An open socket to the server that speaks RESP2.

    Raises redis-py's errors; it cannot be used after a `ConnectionError`. Each call takes at most `timeout` seconds,
    unless it is given its own timeout.
    """

    def __init__(self, connection: redis.Connection, timeout: float) -> None:
        connection.connect()
        self._connection = connection
        self._socket: socket.socket = connection._sock  # type: ignore[assignment]
        self._timeout = timeout
        self._timeout_is_default = False
        self._buffer = b""
        self._position = 0

    def send(self, request: bytes) -> None:
        """Send a packed request."""
        if not self._timeout_is_default:
            self._restore_timeout()
        try:
            self._socket.sendall(request)
        except OSError as error:
            raise redis.ConnectionError(f"sending failed: {error}") from error

    def read(self, timeout: float | None = None) -> Any:
        """Return the next reply; raise `TimeoutError` if it does not arrive in time (a later call may return it)."""
        if timeout is not None:
            self._socket.settimeout(timeout)
            self._timeout_is_default = False
        elif not self._timeout_is_default:
            self._restore_timeout()
        if self._position:
            self._buffer, self._position = self._buffer[self._position :], 0
        try:
            return self._read_reply()
        except (TimeoutError, BlockingIOError) as error:
            self._position = 0
            raise redis.TimeoutError("no reply in time") from error
        except OSError as error:
            raise redis.ConnectionError(f"receiving failed: {error}") from error

    def close(self) -> None:
        """Close the socket."""
        self._connection.disconnect()

    def close_inherited(self) -> None:
        """Close the socket in a forked child; the parent's stays connected."""
        self._socket.close()  # redis-py's `disconnect` would do the same, and look at much memory to do so

    def _restore_timeout(self) -> None:
        self._timeout_is_default = True
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.settimeout(self._timeout)
            return
        # With a Python-level timeout, every send and every receive would call poll() first.
        timeval = struct.pack("@ll", int(self._timeout), int(self._timeout % 1 * 1_000_000))
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)

    def _read_reply(self) -> Any:
        line = self._read_line()
        kind = line[0]
        if kind == INTEGER:
            return int(line[1:])
        if kind == ARRAY:
            return [self._read_reply() for _ in range(int(line[1:]))]
        if kind == BULK:
            return None if line == b"$-1" else self._read_bulk(int(line[1:]))
        if kind == ERROR:
            raise _error(line[1:].decode(errors="replace"))
        return line[1:]

    def _read_line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n", self._position)) < 0:
            self._receive()
        line = self._buffer[self._position : end]
        self._position = end + 2
        return line

    def _read_bulk(self, length: int) -> bytes:
        end = self._position + length
        while len(self._buffer) < end + 2:
            self._receive(end + 2 - len(self._buffer))
        value = self._buffer[self._position : end]
        self._position = end + 2
        return value

    def _receive(self, needed: int = 1) -> None:
        """Receive `needed` bytes or more; what has arrived by an exception is kept."""
        chunks = [self._buffer]  # joined once: appending each of many to a large buffer takes quadratic time
        try:
            while needed > 0:
                received = self._socket.recv(max(CHUNK_SIZE, min(needed, MAX_CHUNK_SIZE)))
                if not received:
                    raise ConnectionResetError("the server closed the connection")
                chunks.append(received)
                needed -= len(received)
        finally:
            self._buffer = b"".join(chunks)


WireFactory = Callable[[float], Wire]  # its argument: the seconds after which a reply counts as lost


@functools.lru_cache(maxsize=16)  # in a worker, its processes have it from their parent
def wire_factory(url: str) -> WireFactory:
    """Return a function that opens a wire to `url`; raise `InvalidArgumentError` if `url` is not a Redis URL."""
    try:
        options: dict[str, Any] = {"driver_info": None} | parse_url(url)
        connection_class = options.pop("connection_class", redis.Connection)
        connection_class(**options)  # rejects unknown options
    except (ValueError, AttributeError, TypeError, redis.RedisError):
        raise InvalidArgumentError(
            f"{without_password(url)!r} is not a Redis URL; write redis://host:port/db, rediss://… or unix:///path"
        ) from None  # the errors of redis-py and urllib may quote a password
    options |= {"protocol": 2, "decode_responses": False}
    if not issubclass(connection_class, UnixDomainSocketConnection):
        options |= {"socket_keepalive": True, "socket_keepalive_options": _KEEPALIVE}

    def open_wire(timeout: float) -> Wire:
        timeouts = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        return Wire(connection_class(**options | timeouts), timeout)

    return open_wire


def _error(text: str) -> redis.RedisError:
    # Redis 6.2 quotes the error of a script's command: "ERR Error running script (…): … -READONLY You can't write …".
    code = "READONLY" if " -READONLY " in text else text.partition(" ")[0]
    if text.startswith("ERR Protocol error: unauthenticated "):  # for a request of more than ten parts or 16 kB
        code, text = "NOAUTH", "NOAUTH Authentication required."
    return _ERRORS.get(code, redis.ResponseError)(text)
