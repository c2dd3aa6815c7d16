"""Permits: what a lock (one permit) and a semaphore (several) have in common.

The rules are in `engine/lua/state.lua` and `engine/lua/maintenance.lua`; this is the client's side: it requests a
permit, waits for it, holds it and releases it.
"""

from __future__ import annotations

import time
from types import TracebackType

from broker.engine.lease import Lease
from broker.engine.leased_handle import LEASE, Holder, check_lease
from broker.engine.request import MICROSECOND, Request
from broker.engine.shared_scripts import RELEASE, RENEW
from broker.engine.waiting import deadline_of
from broker.errors import NotHeldError, ServerUnavailableError
from broker.transport.connection import Connection
from broker.transport.scripts import Script

ACQUIRE = Script("locks/lua/acquire.lua", arguments=2)
ADD_PERMIT = Script("locks/lua/add_permit.lua")
COUNT_FREE = Script("locks/lua/count_free.lua")


class Permits(Holder):
    """A number of permits under a name, of which processes anywhere take one at a time and give it back."""

    _parts = ("queue", "ended")

    def _configure(self, *, value: int = 1, lease: float = LEASE) -> None:
        self.lease = check_lease(lease)
        self._value = value
        fixed = (value, round(lease / MICROSECOND))
        self._acquire = ACQUIRE.bind(self._keys, *fixed)
        self._release = RELEASE.bind(self._keys, *fixed)
        self._renew = RENEW.bind(self._keys, *fixed)
        self._add = ADD_PERMIT.bind(self._keys, *fixed)
        self._count = COUNT_FREE.bind(self._keys, *fixed)

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take a permit; return whether it was got.

        Waits until one is free, first come, first served: `timeout` seconds at most, not at all with `block` false or
        a timeout of 0 or less. Whoever gets True holds the permit under a lease that is renewed until `release`.
        """
        deadline = deadline_of(block, timeout)
        here = self._here()
        connection = here.borrow()
        try:
            wish = _Wish(self, connection)
            wish.obtain(deadline)
        except ServerUnavailableError:
            if not 0 < deadline <= time.monotonic():
                raise
            return False  # a time-out is no error; a grant that nobody heard of ends with its lease
        finally:
            here.give_back(connection)
        if wish.lease is None:
            return False
        self._leases().append(wish.lease)
        here.keeper.add(wish.lease)
        return True

    def release(self) -> None:
        """Give back what this thread took last, or else what another thread of this process did.

        Raises `NotHeldError` if this process holds nothing, `LeaseLostError` if the lease ended before.
        """
        if not self._give_back(self._release):
            raise NotHeldError(f"{self!r} is not held by this process")

    @property
    def held(self) -> bool:
        """Whether the calling thread, or else another of this process, surely still holds a permit; asks nobody."""
        lease = self._own()
        return lease is not None and lease.live

    @property
    def fence(self) -> int | None:
        """The number of the grant that `held` speaks of; it rises with every grant of this name. None if none."""
        lease = self._own()
        return None if lease is None else lease.fence

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def open(self) -> None:
        """Make it known on the server; raise `MismatchError` if the name has another start value."""
        self._free()

    def _add_permit(self) -> None:
        self._run(self._add)

    def _free(self) -> int:
        return int(self._run(self._count)[0])


class _Wish(Request):
    """One wish for a permit."""

    lease: Lease | None = None

    def __init__(self, permits: Permits, connection: Connection) -> None:
        super().__init__(permits, connection, permits._acquire, permits.lease)
        self._permits = permits

    def _take(self, reply: int) -> None:
        self.lease = Lease(self._token, reply, self._lease, self._asked + self._lease, self._permits._renew)

    def _told(self, fence: int, ends: float) -> bool:
        self._connection.send_without_reply(self._permits._renew, self._token)  # "I live": makes the lease whole
        self.lease = Lease(self._token, fence, self._lease, ends, self._permits._renew)
        return True

    def _withdraw(self) -> None:
        self._connection.run_once(self._permits._release, self._token)
