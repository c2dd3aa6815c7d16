"""Waiting for a condition to be notified: the client's side; the rules are in `lua/condition.lua`."""

from __future__ import annotations

from collections.abc import Callable

import redis

from broker.engine.lease import NOT_SENT, SENT, Holdings, Lease
from broker.engine.operations import Client, Post, Steps
from broker.engine.requests import ask
from broker.engine.waiting import wait
from broker.errors import ServerUnavailableError, UnsuitableServerError
from broker.locks.permits import PermitRequest, Permits
from broker.transport.connection import NEVER
from broker.transport.replies import integer
from broker.transport.scripts import BoundScript, Script

WAIT = Script("locks/lua/wait_condition.lua", arguments=6)
STOP_WAITING = Script("locks/lua/stop_waiting.lua")
CONFIRM_WAIT = Script("locks/lua/confirm_wait.lua")
CANCEL_WAIT = Script("locks/lua/cancel_wait.lua", arguments=3)

# The phases of wait_condition.lua.
FOR_NOTIFICATION, FOR_LOCK, UNNOTIFIED = b"1", b"0", b"2"
UNKNOWN = b"0"  # the server's time, before the first reply


class WaitRequest(PermitRequest):
    """A request that releases a lock, waits to be notified, and is complete when it holds the lock again.

    The lease that it gets replaces `held`, the one that it releases. If it fails after that, it acquires the lock anew
    before it raises; if it cannot, `held` is kept as a lost lease, so that the release of each level fails.
    """

    _unanswered_is_timeout = False

    def __init__(
        self, lock: Permits, bind: Callable[[Script], BoundScript], holdings: Holdings, client: Client, held: Lease
    ) -> None:
        super().__init__(lock, holdings, client)
        self.was_notified = True
        self._bind = bind
        self._held = held
        self._script = bind(WAIT)
        self._confirmation = bind(CONFIRM_WAIT)
        self._arguments = (FOR_NOTIFICATION, held.token, b"%d" % held.sent_again, UNKNOWN)

    def complete(self, deadline: float, retry_until: float | None = NEVER) -> Steps[bool]:
        """Return when the lock is held again; `was_notified` then says whether it was notified by `deadline`."""
        try:
            return (yield from super().complete(deadline, retry_until))
        except GeneratorExit:
            raise
        except (ServerUnavailableError, UnsuitableServerError):
            if self._holds_nothing:
                self._keep_lease(is_lost=True)
            raise
        except BaseException:
            if self._holds_nothing:
                yield from self._acquire_anew()
            raise

    @property
    def _holds_nothing(self) -> bool:
        return self._held.release == SENT and self._granted not in self._holdings.leases(self._key)

    def _attempt(self, deadline: float, retry_until: float) -> Steps[bool]:
        if self._arguments[0] == FOR_NOTIFICATION:
            granted = yield from wait(self._client, self, deadline, retry_until)
            if not granted:
                self.was_notified = not (yield from ask(self._client, integer, self._bind(STOP_WAITING), self._token))
            self._arguments = (FOR_LOCK if self.was_notified else UNNOTIFIED, *self._arguments[1:])
            if granted:
                return True
        return (yield from wait(self._client, self, NEVER, retry_until))

    def _send(self, join_queue: bool, deadline: float) -> Steps[bool]:
        phase, _, _, since = self._arguments
        if since == UNKNOWN:
            self._give_up_lease()
        try:
            granted = yield from super()._send(join_queue, deadline)
        except redis.ResponseError as error:  # the script has changed nothing
            reason = str(error).partition(" ")[0]
            if reason == "PASSED":  # it has taken the lock too late
                self.was_notified, self._arguments = False, (UNNOTIFIED, *self._arguments[1:])
                return (yield from self._send(join_queue, deadline))
            if since == UNKNOWN:
                self._keep_lease(is_lost=reason == "LOST")
            if reason == "LOST":
                raise self._permits._lease_lost() from None
            raise
        if not granted and since == UNKNOWN:
            self._arguments = (phase, b"", b"0", b"%d" % self._server_time)
        return granted

    def _undo(self) -> tuple[BoundScript, tuple[bytes, ...]]:
        held = self._held.token if self._held.release == SENT else b""
        return self._bind(CANCEL_WAIT), (self._token, held, b"%d" % self.was_notified)

    def _on_grant_message(self, fence: int, expires_at: float) -> Steps[bool]:
        yield Post(self._confirmation, (self._token,))
        self._accept(self._new_lease(fence, self._client.now(), expires_at, self._confirmation))
        return True

    def _new_lease(self, fence: int, since: float, deadline: float, _: BoundScript) -> Lease:
        # Each renewal confirms, too, in case the first confirmation was lost.
        return super()._new_lease(fence, since, deadline, self._confirmation)

    def _accept(self, lease: Lease) -> None:
        super()._accept(lease)
        self._take_over(lease)

    def _take_over(self, granted: Lease) -> None:
        granted.depth, granted.owner = self._held.depth, self._held.owner
        self._holdings.drop(self._key, self._held)

    def _give_up_lease(self) -> None:
        self._holdings.claim_release(self._held)  # no other thread releases it
        self._held.release = SENT
        self._holdings.renewer.remove(self._held)

    def _keep_lease(self, is_lost: bool) -> None:
        self._holdings.drop(self._key, self._held)
        self._held.lost = self._held.lost or is_lost
        self._held.release = NOT_SENT
        self._holdings.hold(self._key, self._held)

    def _acquire_anew(self) -> Steps[None]:
        request = PermitRequest(self._permits, self._holdings, self._client)
        try:
            yield from request.complete(NEVER)
            assert request._granted is not None
            self._take_over(request._granted)
        except BaseException:
            self._keep_lease(is_lost=True)
            raise
