"""What an actor does on a host: sell from a store under a lock.

Moments are on the monotonic clock, which all hosts of one machine share.
"""

from __future__ import annotations

import time

from broker import Lock, Semaphore
from lab.runtime.store import Store

GLANCE = 0.0005  # seconds


class Clerk:
    """Sells what `db` counts, with the permission of `guard`."""

    def __init__(self, guard: Lock | Semaphore, db: Store) -> None:
        self._guard = guard
        self._db = db
        self._fence: int | None = None

    def acquire(self) -> float:
        """Wait for permission; return the moment when it was there."""
        self._guard.acquire()
        self._fence = self._guard.fence
        return time.monotonic()

    def hold(self, seconds: float = float("inf")) -> float:
        """Keep it until it is lost, or for so long; return the last moment when it was still held."""
        last, over = 0.0, time.monotonic() + seconds
        while last < over:
            now = time.monotonic()
            if not self._guard.held:
                break
            last = now
            time.sleep(GLANCE)
        return last

    @property
    def fence(self) -> int | None:
        return self._fence

    def release(self) -> float:
        """Give it back; return when that was done."""
        self._guard.release()
        return time.monotonic()

    def sell(self) -> int:
        """Take one off, with whatever permission there was last, and return how many are left."""
        left = self._db.read(self._fence) - 1
        self._db.write(left, self._fence)
        return left
