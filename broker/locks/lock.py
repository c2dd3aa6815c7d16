"""A mutual-exclusion lock for processes on any number of hosts."""

from __future__ import annotations

from broker.engine.leased_handle import LEASE
from broker.engine.owner import Owner
from broker.locks.permits import Permits


class Lock(Permits):
    """`multiprocessing.Lock` over Redis: one process at a time, first come first served, none for ever.

    The same name on the same server is the same lock, whichever host it is used on. Whoever holds it holds it under
    a lease of `lease` seconds, which is renewed until it is released: if the holder is killed, the next waiter gets
    the lock when the lease ends. A holder that was stopped or cut off for that long has lost the lock; `held` says
    so at once, and `release` raises `LeaseLostError`. What the lock protects can refuse such a late-comer by
    `fence`, which rises with every grant.

        with lock:
            store.write(value, fence=lock.fence)

    The handle pickles to its name and finds the same lock again in any process; it does not carry the holding.
    """

    _kind = "lock"

    def __init__(self, name: str | None = None, *, lease: float = LEASE, context: Owner | None = None) -> None:
        super().__init__(name, context=context, lease=lease)

    def locked(self) -> bool:
        """Return whether anybody holds the lock now."""
        return self._free() == 0
