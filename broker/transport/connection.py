"""A connection to the server: how requests are sent and repeated, and messages waited for.

redis-py's pools and its own retries are left out, because a repeated write is safe only where the script behind it
says so, and because a blocking call must outlast any socket time-out.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis

from broker.errors import ServerUnavailableError, UnsuitableServerError
from broker.transport.scripts import Command, pack
from broker.transport.wire import Wire

PATIENCE = 30.0  # seconds of re-sending after which the server counts as unavailable
LONGEST_WAIT = 86400.0  # seconds; a socket takes no more than some weeks
PAUSES = (0.0, 0.01, 0.05, 0.2, 0.5)  # seconds between attempts; the last one repeats

NEVER = float("inf")  # a moment on the monotonic clock

T = TypeVar("T")


class Connection:
    """A connection for requests and, once something is waited for, a second one for messages.

    One thread uses it at a time. Its name is the address to which grants are told; it outlives broken sockets.
    """

    def __init__(self, open_wire: Callable[[], Wire]) -> None:
        self.name = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(6)}".encode()
        self.address = b"broker:" + self.name
        self._open = open_wire
        self._requests: Wire | None = None
        self._inbox: Wire | None = None
        self._channels: set[bytes] = set()
        self._numbers = itertools.count(1)
        self._unread = 0

    def token(self) -> bytes:
        """Return a name that no other request has."""
        return b"%b:%d" % (self.name, next(self._numbers))

    def run(self, command: Command, *arguments: bytes, until: float = NEVER) -> tuple[Any, bool]:
        """Run a script and return its reply, and whether it had to be sent more than once.

        A lost connection or reply makes the request be sent again, which every script allows. Raises
        `ServerUnavailableError` after `PATIENCE` seconds, or if that fails when the monotonic clock says `until`;
        the request may then still be carried out.
        """
        try:
            return self.attempt(command, *arguments), False
        except _LOST:
            return persist(lambda: self.attempt(command, *arguments), until), True

    def attempt(self, command: Command, *arguments: bytes) -> Any:
        """Run a script once; redis-py's errors say that it is not known whether it was carried out."""
        try:
            return self._call(command.pack(*arguments))
        except redis.exceptions.NoScriptError:
            return self._call(command.pack_text(*arguments))

    def command(self, *parts: bytes) -> Any:
        """Run a plain Redis command that may be repeated, once or, if its reply is lost, twice."""
        request = pack(*parts)
        try:
            return self._call(request)
        except _LOST:
            return persist(lambda: self._call(request), until=0.0)

    def post(self, command: Command, *arguments: bytes) -> None:
        """Send a request whose reply nobody waits for; the next `run` reads past it."""
        try:
            if self._requests is None:
                self._requests = self._open()
            self._unread += 1  # before it is sent: an interrupt must not leave a reply that nobody expects
            self._requests.send(command.pack(*arguments))
        except redis.ConnectionError:
            self._reset()
        except BaseException:
            self._reset()
            raise

    def _call(self, request: bytes) -> Any:
        try:
            if self._requests is None:
                self._requests = self._open()
            self._requests.send(request)
            while self._unread:
                self._unread -= 1
                with contextlib.suppress(redis.ResponseError):
                    self._requests.read()
            return self._requests.read()
        except redis.exceptions.ReadOnlyError:  # a replica now: the address may soon lead to another server
            self._reset()
            raise
        except redis.ResponseError:
            raise
        except BaseException:  # half a reply may be on its way: this socket cannot be trusted any more
            self._reset()
            raise

    def _reset(self) -> None:
        self._unread = 0
        if self._requests is not None:
            self._requests.close()
            self._requests = None

    def listens(self, channel: bytes) -> bool:
        """Whether messages to `channel` reach this connection, as far as it knows."""
        return channel in self._channels

    def listen(self, channel: bytes, until: float = NEVER) -> None:
        """Subscribe to `channel`; on return, whatever is published from now on will be received.

        Raises `ServerUnavailableError` as `run` does.
        """
        if channel not in self._channels:
            persist(lambda: self._subscribe(channel), until)

    def _subscribe(self, channel: bytes) -> None:
        try:
            if self._inbox is None:
                self._inbox = self._open()
            self._inbox.send(pack(b"SUBSCRIBE", channel))
            while self._inbox.read()[:2] != [b"subscribe", channel]:
                pass
        except BaseException:
            self._hang_up()
            raise
        self._channels.add(channel)

    def receive(self, channel: bytes, until: float) -> bytes | None:
        """Return the next message to `channel`, or None when the monotonic clock says `until`, or a day later.

        Raises redis-py's `ConnectionError` if the connection broke: messages may have been missed.
        """
        assert self._inbox is not None
        try:
            while (left := until - time.monotonic()) > 0:
                kind, origin, payload = self._inbox.read(min(left, LONGEST_WAIT))
                if kind == b"message" and origin == channel:
                    return bytes(payload)
            return None
        except redis.TimeoutError:
            return None
        except BaseException:
            self._hang_up()
            raise

    def unlisten(self, channel: bytes) -> None:
        """Give the subscription back; its confirmation is skipped by the next `receive`."""
        if self._inbox is not None and channel in self._channels:
            self._channels.discard(channel)
            try:
                self._inbox.send(pack(b"UNSUBSCRIBE", channel))
            except redis.ConnectionError:
                self._hang_up()

    def _hang_up(self) -> None:
        self._channels.clear()
        if self._inbox is not None:
            self._inbox.close()
            self._inbox = None

    def close(self) -> None:
        """Close both sockets; in a forked child this leaves the parent's untouched."""
        self._reset()
        self._hang_up()


# What leaves open whether a request was carried out, or says that the server will soon take it.
_LOST = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.ReadOnlyError)


def persist(attempt: Callable[[], T], until: float = NEVER) -> T:
    """Return what `attempt` returns; it is repeated, and so must be a request that may be sent again.

    Raises `ServerUnavailableError` after `PATIENCE` seconds, or if it fails when the monotonic clock says `until`.
    """
    started, pauses = time.monotonic(), iter(PAUSES)
    until = min(until, started + PATIENCE)
    while True:
        try:
            return attempt()
        except redis.exceptions.AuthenticationError as error:
            raise UnsuitableServerError(
                f"the Redis server wants other credentials ({error}); put them into the URL: redis://:password@host"
            ) from error
        except _LOST as error:
            left = until - time.monotonic()
            if left <= 0:
                waited = time.monotonic() - started
                raise ServerUnavailableError(
                    f"the Redis server did not answer for {waited:.1f} s ({error}); is it running?"
                ) from error
            time.sleep(min(left, next(pauses, PAUSES[-1])))
