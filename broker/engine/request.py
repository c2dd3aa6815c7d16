"""Requests for a permit or an item, until they are granted; `request_permit.lua` is the server's side."""

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

PROBATION = 1.0  # seconds in which a waiter must react to its grant, as in engine/lua/handoff.lua
NEIGHBOUR = 0.5  # seconds by which each waiter lets the one before it look first
MARGIN = 0.005  # seconds: look just after a lease has ended, not just before
MICROSECOND = 1e-6


class Request(ABC):
    """Asks by `command`, with a token, whether it may wait, and what else its script wants."""

    look_at = NEVER
    _asked = _clock = 0.0

    def __init__(self, handle: Handle, connection: Connection, script: BoundScript, lease: float, *more: bytes) -> None:
        self.channel = connection.channel
        self._handle = handle
        self._connection = connection
        self._script = script
        self._lease = lease
        self._more = more
        self._token = connection.new_token()

    def obtain(self, deadline: float) -> bool:
        """Return whether the wish came true until `deadline`; raise `ServerUnavailableError` if nobody can tell."""
        try:
            # Only one who listens may queue; whoever does not yet first sees whether he has to.
            if (deadline <= 0 or not self._connection.is_subscribed(self.channel)) and self._try(False, deadline):
                return True
            if deadline <= 0:
                return False
            # The last try leaves the queue, unless the grant came in this very moment.
            return wait(self._connection, self, deadline) or self._try(False, deadline)
        except ServerUnavailableError:
            raise
        except BaseException:
            with contextlib.suppress(Exception):  # out of reach, the server finds this waiter gone, or ends its lease
                self._withdraw()
            raise

    def ask(self, until: float) -> bool:
        """Ask, and queue if it cannot be had now."""
        return self._try(True, until)

    def hear(self, message: bytes) -> bool:
        """Take note of a grant, or of when to look for one."""
        token, fence, expiry = message.split(b" ")
        if token != self._token:
            return False  # meant for an earlier request, which was answered otherwise
        ends, now = self._local(int(expiry)), time.monotonic()
        if fence == b"0":
            self.look_at = ends + MARGIN
            return False
        if ends < now + min(PROBATION, self._lease) / 2:  # heard late: it may be another's by now
            self.look_at = now
            return False
        return self._told(int(fence), min(ends, now + PROBATION))

    def _try(self, queue: bool, until: float) -> bool:
        self._asked = time.monotonic()
        arguments = (self._token, b"1" if queue else b"0", *self._more)
        reply, _ = self._handle._ask(self._connection, self._script, *arguments, until=until)
        if type(reply) is not list:
            self._take(reply)
            return True
        self._clock, look, rank = reply
        self.look_at = self._local(look) + min(rank * NEIGHBOUR, self._lease) + MARGIN
        return False

    def _local(self, moment: int) -> float:
        # The reply to a request is later than its sending, so this is never later than the server means.
        return self._asked + (moment - self._clock) * MICROSECOND

    @abstractmethod
    def _take(self, reply: Any) -> None:
        """Keep what the script granted."""

    @abstractmethod
    def _told(self, fence: int, ends: float) -> bool:
        """React to a grant that is on probation until `ends`; return whether the wish has come true."""

    @abstractmethod
    def _withdraw(self) -> None:
        """Give back what may have been granted, or leave the queue, in one request."""
