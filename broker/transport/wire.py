"""A wire: a socket to the server that speaks RESP2.

redis-py opens the socket and handles addresses and TLS. Its general-purpose reader and writer would then cost more than
everything else in a lock operation, so `scripts.py` packs the requests and `replies.py` parses the replies.
"""

from __future__ import annotations

import _socket
import contextlib
import functools
import socket
import ssl
import struct
import time
from typing import Any, Protocol

import redis
from redis.connection import UnixDomainSocketConnection, parse_url

from broker.errors import InvalidArgumentError
from broker.transport.address import split_keeper, without_password
from broker.transport.replies import INCOMPLETE, ReplyParser
from broker.transport.scripts import pack_command
from broker.transport.server_errors import TlsError, UnexpectedReplyError, connection_error, is_tls_disagreement

MIN_TIMEOUT, MAX_TIMEOUT = 0.001, 86400.0  # seconds; sockets accept a few weeks at most
TIMEOUT_TOLERANCE = 0.05  # seconds by which a call may outlast its timeout, so that not every receive sets a new one
MIN_RATE = 1_000_000  # bytes per second; what is transferred at this rate is not lost, however long it takes

# TCP keepalive: a connection that is only subscribed is closed after 6 s without a packet. TCP doubles the delay before
# each retransmission, so after that a lost message would arrive sooner on a new connection.
KEEPALIVE = {
    getattr(socket, option): value
    for option, value in (("TCP_KEEPIDLE", 3), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 3))
    if hasattr(socket, option)
}


class Wire:
    """An open socket to the server that speaks RESP2.

    Raises redis-py's errors; it cannot be used after a `ConnectionError`. A call takes at most `timeout` seconds,
    its own or the default of the wire, from its beginning to the last byte of the reply. Only the default one grows by
    a second for each megabyte that was transferred, so that large items may take their time.
    """

    def __init__(self, connection: redis.Connection, timeout: float) -> None:
        try:
            connection.connect()
        except redis.ConnectionError as error:
            raise opening_error(error, isinstance(connection, redis.SSLConnection)) from error
        self._connection = connection
        self._socket: socket.socket = connection._sock  # type: ignore[assignment]
        self._timeout = timeout
        self._limit = 0.0  # seconds that one send or receive may take, as the socket is set
        self._replies = ReplyParser()
        # With a Python-level timeout, every send and every receive would call poll() first. TLS needs it, and so do
        # the sockets of gevent, which are others.
        plain = isinstance(self._socket, _socket.socket) and not isinstance(self._socket, ssl.SSLSocket)
        self._limited_by_kernel = plain
        if self._limited_by_kernel:
            timeval = struct.pack("@ll", int(timeout), int(timeout % 1 * 1_000_000))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)

    def send(self, request: bytes, timeout: float | None = None) -> None:
        """Send a packed request."""
        limit = self._timeout if timeout is None else timeout
        try:
            if limit != self._limit:
                self._set_limit(limit)
            sent = self._socket.send(request)
            if sent < len(request):
                self._send_rest(memoryview(request)[sent:], limit, timeout is None)
        except OSError as error:
            if isinstance(error, (ConnectionError, ssl.SSLEOFError)):  # the server may have said why
                with contextlib.suppress(redis.TimeoutError, redis.ResponseError):
                    self.read(0.0)
            raise connection_error("sending", error) from error

    def read(self, timeout: float | None = None) -> Any:
        """Return the next reply; raise `TimeoutError` if it does not arrive in time (a later call may return it)."""
        limit = self._timeout if timeout is None else timeout
        try:
            if self._replies.has_bytes and (reply := self._replies.next()) is not INCOMPLETE:
                return reply
            if limit != self._limit:
                self._set_limit(limit)
            return self._receive(limit, timeout is None)
        except (TimeoutError, BlockingIOError) as error:
            raise redis.TimeoutError("no reply in time") from error
        except OSError as error:
            raise connection_error("receiving", error) from error

    def close(self) -> None:
        """Close the socket."""
        self._connection.disconnect()

    def close_inherited(self) -> None:
        """Close the socket in a forked child; the parent's stays connected."""
        self._socket.close()  # redis-py's `disconnect` would do the same, and look at much memory to do so

    def _receive(self, limit: float, extended: bool) -> Any:
        started, received = time.monotonic(), 0
        while True:
            data = self._socket.recv(self._replies.wanted)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            self._replies.feed(data)
            reply = self._replies.next()
            if reply is not INCOMPLETE:
                return reply
            received += len(data)
            self._set_rest(started, limit, received if extended else 0)

    def _send_rest(self, rest: memoryview, limit: float, extended: bool) -> None:
        started, sent = time.monotonic(), 0
        while sent < len(rest):
            self._set_rest(started, limit, sent if extended else 0)
            sent += self._socket.send(rest[sent:])

    def _set_rest(self, started: float, limit: float, transferred: int) -> None:
        """Limit the next send or receive to what is left; raise `TimeoutError` if there is nothing left."""
        left = min(limit, started + limit + transferred / MIN_RATE - time.monotonic())
        if left <= 0:
            raise TimeoutError
        if abs(left - self._limit) > TIMEOUT_TOLERANCE:
            self._set_limit(left)

    def _set_limit(self, seconds: float) -> None:
        self._limit = 0.0  # in case of an interrupt
        by_kernel = self._limited_by_kernel and seconds == self._timeout
        self._socket.settimeout(None if by_kernel else min(max(seconds, MIN_TIMEOUT), MAX_TIMEOUT))
        self._limit = seconds


def opening_error(error: redis.ConnectionError, uses_tls: bool) -> redis.ConnectionError:
    """Return what to raise for redis-py's error when it has opened no connection."""
    cause = error.__context__
    no_certificate = uses_tls and isinstance(cause, FileNotFoundError)
    return TlsError(*error.args) if no_certificate or is_tls_disagreement(cause) else error


class WireFactory(Protocol):
    """Opens wires."""

    def __call__(self, timeout: float, connect_timeout: float | None = None) -> Wire:
        """Open a wire whose calls take at most `timeout` seconds, within `connect_timeout`, by default the same."""


@functools.lru_cache(maxsize=16)  # in a worker, its processes have it from their parent
def wire_factory(url: str) -> WireFactory:
    """Return a function that opens a wire to `url`; raise `InvalidArgumentError` if `url` is not a Redis URL."""
    address, _ = split_keeper(url)
    try:
        options: dict[str, Any] = {"driver_info": None} | parse_url(address)
        connection_class = options.pop("connection_class", redis.Connection)
        connection_class(**options)  # rejects unknown options
    except (ValueError, AttributeError, TypeError, redis.RedisError):
        raise InvalidArgumentError(
            f"{without_password(url)!r} is not a Redis URL; write redis://host:port/db, rediss://… or unix:///path"
        ) from None  # the errors of redis-py and urllib may quote a password
    login = _login_requests(options)
    options |= {"protocol": 2, "decode_responses": False, "redis_connect_func": _leave_login}
    if not issubclass(connection_class, UnixDomainSocketConnection):
        options |= {"socket_keepalive": True, "socket_keepalive_options": KEEPALIVE}

    def open_wire(timeout: float, connect_timeout: float | None = None) -> Wire:
        limit = timeout if connect_timeout is None else connect_timeout
        deadline = time.monotonic() + limit
        timeouts = {"socket_timeout": limit, "socket_connect_timeout": limit}
        wire = Wire(connection_class(**options | timeouts), timeout)
        try:
            for request in login:
                wire.send(request, deadline - time.monotonic())
                reply = wire.read(deadline - time.monotonic())
                if reply != "OK":
                    raise UnexpectedReplyError(reply)
        except BaseException:
            wire.close()
            raise
        return wire

    return open_wire


def _leave_login(_: redis.Connection) -> None:
    """Keep redis-py from logging in: its reader has no limit for a whole reply."""


def _login_requests(options: dict[str, Any]) -> list[bytes]:
    """Return what a new connection has to send first, according to the options of its URL."""
    username, password = options.get("username"), options.get("password")
    commands: list[tuple[Any, ...]] = []
    if username or password:
        commands.append(("AUTH", *([username] if username else []), password or ""))
    if options.get("client_name"):
        commands.append(("CLIENT", "SETNAME", options["client_name"]))
    if options.get("db"):
        commands.append(("SELECT", options["db"]))
    return [pack_command(*(str(part).encode() for part in command)) for command in commands]
