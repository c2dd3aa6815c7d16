"""Permits: what a lock (one permit) and a semaphore (several) have in common.

The rules are in `engine/lua/state.lua` and `engine/lua/maintenance.lua`; this is the client's side: it requests a
permit, waits for it, holds it and releases it.
"""

from __future__ import annotations

import time
from types import TracebackType

from broker.engine.handle import INDEX
from broker.engine.holders import READ_PERMITS, Holder, Waiter, parse_holders, parse_waiters
from broker.engine.lease import Lease
from broker.engine.leased_handle import DEFAULT_LEASE, LeasedHandle, check_lease
from broker.engine.request import MICROSECOND, Request
from broker.engine.shared_scripts import RELEASE, RENEW
from broker.engine.waiting import deadline_of
from broker.errors import NotHeldError, ServerUnavailableError
from broker.transport.connection import Connection
from broker.transport.scripts import Script

ACQUIRE = Script("locks/lua/acquire.lua", arguments=2)
ADD_PERMIT = Script("locks/lua/add_permit.lua")
COUNT_FREE = Script("locks/lua/count_free.lua")


class Permits(LeasedHandle):
    """A number of permits under a name; processes on any host acquire and release them one at a time."""

    _key_suffixes = ("queue", "ended")

    def _configure(self, *, value: int = 1, lease: float = DEFAULT_LEASE) -> None:
        self.lease = check_lease(lease)
        self._value = value
        fixed, indexed = (value, round(lease / MICROSECOND)), (*self._keys, INDEX)
        self._acquire_script = ACQUIRE.bind(indexed, *fixed)
        self._release_script = RELEASE.bind(self._keys, *fixed)
        self._renew_script = RENEW.bind(indexed, *fixed)
        self._add_permit_script = ADD_PERMIT.bind(indexed, *fixed)
        self._count_free_script = COUNT_FREE.bind(indexed, *fixed)
        self._read_script = READ_PERMITS.bind(self._keys[:2])

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Acquire a permit; return whether it was acquired.

        Waits until a permit is free, in order of arrival: for at most `timeout` seconds, and not at all if `block` is
        false or `timeout` is 0 or less. The permit is held under a lease, which is renewed until `release`.
        """
        deadline = deadline_of(block, timeout)
        session = self._get_session()
        connection = session.acquire_connection()
        try:
            request = _PermitRequest(self, connection)
            request.complete(deadline)
        except ServerUnavailableError:
            if not 0 < deadline <= time.monotonic():
                raise
            return False  # a timeout is not an error; a permit that was granted unnoticed is free after its lease
        finally:
            session.release_connection(connection)
        if request.lease is None:
            return False
        self._held_leases().append(request.lease)
        session.lease_renewer.add(request.lease)
        return True

    def release(self) -> None:
        """Release the permit that this thread acquired last, or one of another thread of this process.

        Raises `NotHeldError` if this process holds none, and `LeaseLostError` if the lease expired before.
        """
        if not self._release_lease(self._release_script):
            raise NotHeldError(f"{self!r} is not held by this process")

    @property
    def held(self) -> bool:
        """Whether this thread, or another of this process, is certain to hold a permit; this sends no request."""
        lease = self._current_lease()
        return lease is not None and lease.is_valid

    @property
    def fence(self) -> int | None:
        """The fence of the permit that `held` refers to, or None; this number rises with every grant."""
        lease = self._current_lease()
        return None if lease is None else lease.fence

    def holders(self) -> list[Holder]:
        """Return who holds a permit, the one that acquired it first at the head; this changes nothing.

        A holder that was killed is listed until its lease expires, and a waiter as soon as a permit is granted to it.
        """
        now, holders, _ = self._run(self._read_script)[0]
        return parse_holders(now, holders)

    def waiters(self) -> list[Waiter]:
        """Return who waits in `acquire`, the next one first; this changes nothing.

        A waiter that was killed is listed until it would be the next.
        """
        _, _, waiters = self._run(self._read_script)[0]
        return parse_waiters("acquire", waiters)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def open(self) -> None:
        """Create it on the server unless it exists; raise `MismatchError` if it exists with another start value."""
        self._count_free()

    def _count_free(self) -> int:
        return int(self._run(self._count_free_script)[0])


class _PermitRequest(Request):
    lease: Lease | None = None

    def __init__(self, permits: Permits, connection: Connection) -> None:
        super().__init__(permits, connection, permits._acquire_script, permits.lease)
        self._permits = permits

    def _on_grant(self, fence: int) -> None:
        self.lease = Lease(self._token, fence, self._lease, self._sent_at + self._lease, self._permits._renew_script)

    def _on_grant_message(self, fence: int, expires_at: float) -> bool:
        self._connection.send_without_reply(self._permits._renew_script, self._token)  # acknowledges the grant
        self.lease = Lease(self._token, fence, self._lease, expires_at, self._permits._renew_script)
        return True

    def _cancel(self) -> None:
        self._connection.run_once(self._permits._release_script, self._token)
