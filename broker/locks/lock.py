"""A mutual-exclusion lock for processes on any number of hosts."""

from __future__ import annotations

from broker.engine.leased_handle import LEASE
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

    def __init__(self, url: str, name: str, *, lease: float = LEASE) -> None:
        super().__init__(url, name, value=1, lease=lease)

    def locked(self) -> bool:
        """Return whether anybody holds the lock now."""
        return self._free() == 0

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self._url, self.name, self.lease)


def _restore(kind: type[Lock], url: str, name: str, lease: float) -> Lock:
    return kind(url, name, lease=lease)
