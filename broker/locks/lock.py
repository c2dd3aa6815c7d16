"""A mutual-exclusion lock for processes on any number of hosts."""

from __future__ import annotations

from broker.engine.leased_handle import DEFAULT_LEASE
from broker.engine.owner import Owner
from broker.locks.permits import Permits


class Lock(Permits):
    """`multiprocessing.Lock` over Redis: one holder at a time, and waiters get the lock in order of arrival.

    The same name on the same server is the same lock on every host. The holder has a lease of `lease` seconds, which is
    renewed until `release`. If the holder is killed, the next waiter gets the lock when the lease expires. A holder
    that pauses or is cut off from the server for that long loses the lock: then `held` is false at once, and `release`
    raises `LeaseLostError`. What the lock protects can reject writes of such a holder by their `fence`, which rises
    with every grant.

        with lock:
            store.write(value, fence=lock.fence)

    A pickled lock is a handle for the same lock in any process; the process that unpickles it does not hold the lock.
    """

    _kind = "lock"

    def __init__(self, name: str | None = None, *, lease: float = DEFAULT_LEASE, context: Owner | None = None) -> None:
        super().__init__(name, context=context, lease=lease)

    def locked(self) -> bool:
        """Return whether a process holds the lock now."""
        return self._count_free() == 0
