"""An actor on a host, which sells tickets from a store under a lock.

Times are of the monotonic clock, which all hosts of one machine share.
"""

from __future__ import annotations

import time

from broker import Lock, Semaphore
from lab.runtime.store import Store

POLL_INTERVAL = 0.0005  # seconds


class Seller:
    """Sells what `db` counts, while it holds `permit`."""

    def __init__(self, permit: Lock | Semaphore, db: Store) -> None:
        self._permit = permit
        self._db = db
        self._fence: int | None = None

    def acquire(self) -> float:
        """Acquire the permit; return when it was acquired."""
        self._permit.acquire()
        self._fence = self._permit.fence
        return time.monotonic()

    def hold(self, seconds: float = float("inf")) -> float:
        """Hold the permit until it is lost, or for so long; return the last time at which it was still held."""
        last, over = 0.0, time.monotonic() + seconds
        while last < over:
            now = time.monotonic()
            if not self._permit.held:
                break
            last = now
            time.sleep(POLL_INTERVAL)
        return last

    @property
    def fence(self) -> int | None:
        return self._fence

    def release(self) -> float:
        """Release the permit; return when it was released."""
        self._permit.release()
        return time.monotonic()

    def sell(self) -> int:
        """Sell a ticket with the last fence, and return how many are left."""
        left = self._db.read(self._fence) - 1
        self._db.write(left, self._fence)
        return left
