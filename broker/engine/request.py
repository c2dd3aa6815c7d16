"""Requests for a permit or an item, until they are granted; `engine/lua/request_permit.lua` is the server's side."""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from typing import Any

from broker.engine.handle import Handle
from broker.engine.waiting import wait
from broker.errors import ServerUnavailableError
from broker.transport.connection import NEVER, Connection
from broker.transport.scripts import BoundScript

ACK_TIMEOUT = 1.0  # seconds within which a waiter must acknowledge its grant, as in engine/lua/handoff.lua
STAGGER = 0.5  # seconds by which each waiter checks later than the one before it in the queue
MARGIN = 0.005  # seconds: check just after a lease expires, not just before
MICROSECOND = 1e-6


class Request(ABC):
    """A request that is sent with one token until it is granted, times out or is cancelled; a `WaitCondition`.

    Its script takes the token, whether to join the queue, and `arguments`.
    """

    recheck_at = NEVER
    _sent_at = _server_time = 0.0

    def __init__(
        self, handle: Handle, connection: Connection, script: BoundScript, lease: float, *arguments: bytes
    ) -> None:
        self.channel = connection.channel
        self._handle = handle
        self._connection = connection
        self._script = script
        self._lease = lease
        self._arguments = arguments
        self._token = connection.new_token()

    def complete(self, deadline: float) -> bool:
        """Return whether the request is granted by `deadline`; raise `ServerUnavailableError` if that is unknown."""
        try:
            # Only a subscriber may join the queue. One that is not subscribed yet first tries without it.
            if (deadline <= 0 or not self._connection.is_subscribed(self.channel)) and self._send(False, deadline):
                return True
            if deadline <= 0:
                return False
            # The last request leaves the queue, unless the grant was made at that very moment.
            return wait(self._connection, self, deadline) or self._send(False, deadline)
        except ServerUnavailableError:
            raise
        except BaseException:
            with contextlib.suppress(Exception):  # without it, the server drops this waiter, or its lease expires
                self._cancel()
            raise

    def check(self, deadline: float) -> bool:
        """Send the request; join the queue if it is not granted now."""
        return self._send(True, deadline)

    def on_message(self, message: bytes) -> bool:
        """Process a grant, or the time at which to check again."""
        token, fence, expiry = message.split(b" ")
        if token != self._token:
            return False  # for an earlier request, which has ended
        expires_at, now = self._to_local_time(int(expiry)), time.monotonic()
        if fence == b"0":
            self.recheck_at = expires_at + MARGIN
            return False
        if expires_at < now + min(ACK_TIMEOUT, self._lease) / 2:  # received late: the grant may have expired
            self.recheck_at = now
            return False
        return self._on_grant_message(int(fence), min(expires_at, now + ACK_TIMEOUT))

    def _send(self, join_queue: bool, deadline: float) -> bool:
        self._sent_at = time.monotonic()
        arguments = (self._token, b"1" if join_queue else b"0", *self._arguments)
        reply, _ = self._handle._run_on(self._connection, self._script, *arguments, deadline=deadline)
        if type(reply) is not list:
            self._on_grant(reply)
            return True
        self._server_time, next_expiry, rank = reply
        self.recheck_at = self._to_local_time(next_expiry) + min(rank * STAGGER, self._lease) + MARGIN
        return False

    def _to_local_time(self, server_time: int) -> float:
        # The server read its clock after the request was sent, so the result is never later than `server_time`.
        return self._sent_at + (server_time - self._server_time) * MICROSECOND

    @abstractmethod
    def _on_grant(self, reply: Any) -> None:
        """Keep what the script's reply grants."""

    @abstractmethod
    def _on_grant_message(self, fence: int, expires_at: float) -> bool:
        """Acknowledge a grant that expires at `expires_at` otherwise; return whether the request is complete."""

    @abstractmethod
    def _cancel(self) -> None:
        """Release what may have been granted, or leave the queue, in one request."""
