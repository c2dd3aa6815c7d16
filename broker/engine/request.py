"""Requests for a permit or an item, until they are granted; `engine/lua/request_permit.lua` is the server's side."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import Any

from broker.engine.handle import Handle
from broker.engine.lease import Holdings, Lease, Withdrawal
from broker.engine.operations import Client, Steps
from broker.engine.requests import RETRY_TIMEOUT, run, unexpected
from broker.engine.waiting import wait
from broker.errors import ServerUnavailableError, UnsuitableServerError
from broker.transport.connection import NEVER
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
    sent_again = False  # then another copy of the request may still be under way when it has ended
    _sent_at = _server_time = 0.0
    _server_fence = 0  # the highest one so far, as of the last reply
    _granted: Lease | None = None
    _is_outdated = False
    """Whether the grant has a fence that is not above all that this process got before the request."""
    _unanswered_is_timeout = False
    """Whether it counts as a timeout, and not as an error, if the server does not answer by the deadline."""

    def __init__(
        self,
        handle: Handle,
        holdings: Holdings,
        client: Client,
        script: BoundScript,
        lease: float,
        *arguments: bytes,
    ) -> None:
        self.channel = client.channel
        self._key = handle._key
        self._holdings = holdings
        self._client = client
        self._script = script
        self._lease = lease
        self._arguments = arguments
        self._token = client.new_token()

    def complete(self, deadline: float, retry_until: float | None = None) -> Steps[bool]:
        """Return whether the request is granted by `deadline`; raise `ServerUnavailableError` if that is unknown.

        A server that does not answer is asked again until `retry_until`, which is `deadline` if it is not given.
        """
        try:
            retry_until = deadline if retry_until is None else retry_until
            granted = yield from self._attempt(deadline, retry_until)
            while granted and self._is_outdated:
                granted = (yield from self._renew_grant(retry_until)) or (
                    yield from self._attempt(deadline, retry_until)
                )
        except (ServerUnavailableError, UnsuitableServerError) as error:  # to ask once more now would take too long
            self._withdraw_later()
            unanswered = isinstance(error, ServerUnavailableError) and 0 < deadline <= self._client.now()
            if unanswered and self._unanswered_is_timeout:
                return False
            raise
        except GeneratorExit:  # its driver was interrupted once more
            self._withdraw_later()
            raise
        except BaseException:
            yield from self._withdraw()
            raise
        if not granted and self.sent_again:
            return self._stays_granted(reply=(yield from self._withdraw()))
        return granted

    def _attempt(self, deadline: float, retry_until: float) -> Steps[bool]:
        # Only a subscriber may join the queue. One that is not subscribed yet first tries without it.
        may_join = deadline > 0 and self._client.is_subscribed(self.channel)
        if not may_join and (yield from self._send(False, retry_until)):
            return True
        if deadline <= 0:
            return False
        # The last request leaves the queue, unless the grant was made at that very moment.
        return (yield from wait(self._client, self, deadline, retry_until)) or (
            yield from self._send(False, retry_until)
        )

    def check(self, deadline: float) -> Steps[bool]:
        """Send the request; join the queue if it is not granted now."""
        return self._send(True, deadline)

    def on_message(self, message: bytes) -> Steps[bool]:
        """Process a grant, or the time at which to check again."""
        token, *numbers = message.split(b" ")
        if token != self._token or len(numbers) != 2 or not all(map(bytes.isdigit, numbers)):
            return False  # for an earlier request, which has ended; or not from a script of the broker
        fence, expiry = numbers
        expires_at, now = self._to_local_time(int(expiry)), self._client.now()
        if fence == b"0":
            self._recheck_at_expiry(expires_at, delay=0.0)
            return False
        # Received late: the grant may have expired. Or it is from before the last reply, and has ended since.
        is_from_before = int(fence) <= max(self._server_fence, self._server_time)  # the latter if the data was lost
        if expires_at < now + self._ack_timeout / 2 or is_from_before:
            self.recheck_at = now
            return False
        return (yield from self._on_grant_message(int(fence), min(expires_at, now + self._ack_timeout)))

    @property
    def _ack_timeout(self) -> float:
        return min(ACK_TIMEOUT, self._lease)

    def _send(self, join_queue: bool, deadline: float) -> Steps[bool]:
        self._sent_at = self._client.now()
        arguments = (self._token, b"1" if join_queue else b"0", *self._arguments)
        reply, sent_again = yield from run(self._client, self._script, *arguments, deadline=deadline)
        self.sent_again = self.sent_again or sent_again
        if sent_again and self._client.now() > self._sent_at + self._lease / 2:
            # A lease counts from before the request, and it is unknown which sending was answered: ask once more.
            return (yield from self._send(join_queue, deadline))
        if type(reply) is not list:
            self._on_grant(reply)
            return True
        if [type(part) for part in reply] != [int, int, int, int]:
            raise unexpected(self._client, reply)
        self._server_time, next_expiry, rank, self._server_fence = reply
        self._recheck_at_expiry(self._to_local_time(next_expiry), delay=min(rank * STAGGER, self._lease))
        return False

    def _recheck_at_expiry(self, expires_at: float, delay: float) -> None:
        # Whatever becomes of the server's data and clock, a request checks again after a lease, plus the delay.
        self.recheck_at = min(expires_at, self._client.now() + self._lease) + delay + MARGIN

    def _to_local_time(self, server_time: int) -> float:
        # The server read its clock after the request was sent, so the result is never later than `server_time`.
        return self._sent_at + (server_time - self._server_time) * MICROSECOND

    @abstractmethod
    def _undo(self) -> tuple[BoundScript, tuple[bytes, ...]]:
        """Return a request that releases what was granted, or leaves the queue, and has later copies refused."""

    @abstractmethod
    def _on_grant(self, reply: Any) -> None:
        """Keep what the script's reply grants."""

    @abstractmethod
    def _on_grant_message(self, fence: int, expires_at: float) -> Steps[bool]:
        """Acknowledge a grant that expires at `expires_at` otherwise; return whether the request is complete."""

    def _renew_grant(self, deadline: float) -> Steps[bool]:
        """Have the server replace an outdated grant; return False if it has ended meanwhile."""
        raise NotImplementedError

    def _stays_granted(self, reply: Any) -> bool:  # noqa: ARG002
        """Return whether a copy of the request was granted, which the withdrawal, by its reply, has not undone."""
        return False

    def _new_lease(self, fence: int, since: float, deadline: float, renew_script: BoundScript) -> Lease:
        owner = self._holdings.owner()
        return Lease(self._token, fence, self._lease, since, deadline, renew_script, owner, self.sent_again)

    def _hold(self, lease: Lease) -> None:
        """Hold what was granted, until it is released."""
        self._granted = lease
        self._holdings.hold(self._key, lease)

    def _withdraw(self) -> Steps[Any]:
        """Release what may have been granted, or leave the queue; return the server's reply.

        Unless the server answers soon, this is repeated in the background, and returns None.
        """
        (script, arguments), reply = self._undo(), None
        try:
            self._drop()
            with contextlib.suppress(Exception):
                reply, _ = yield from run(self._client, script, *arguments, deadline=0.0)
            return reply
        finally:
            if reply is None:
                self._withdraw_later()

    def _withdraw_later(self) -> None:
        self._drop()
        self._client.retire()
        deadline = self._sent_at + max(self._lease, ACK_TIMEOUT) + RETRY_TIMEOUT
        self._holdings.renewer.withdraw(Withdrawal(*self._undo(), deadline))

    def _drop(self) -> None:
        if self._granted is not None:
            self._holdings.drop(self._key, self._granted)
