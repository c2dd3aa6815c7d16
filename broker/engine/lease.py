"""Leases: what is held is held for a while on the server's clock, and one daemon thread extends it in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import redis

from broker.transport.connection import NEVER, Connection
from broker.transport.scripts import BoundScript

RETRY = 0.1  # seconds until a failed renewal is tried again


class Lease:
    """One permit held by this process, and how long that is certain.

    `deadline` is on this process's monotonic clock and never later than the server's: it counts from before the
    request that got or renewed the lease was sent.
    """

    __slots__ = ("deadline", "due", "fence", "lost", "renewal", "seconds", "thread", "token")

    def __init__(self, token: bytes, fence: int, seconds: float, deadline: float, renewal: BoundScript) -> None:
        now = time.monotonic()
        self.token = token
        self.fence = fence
        self.seconds = seconds
        self.deadline = deadline
        self.due = now + (deadline - now) / 3
        self.renewal = renewal
        self.lost = False
        self.thread = threading.get_ident()

    @property
    def live(self) -> bool:
        """Whether nobody else can have been let in yet."""
        return not self.lost and time.monotonic() < self.deadline


class Keeper:
    """Renews every lease of its process at one server, a third of the way through each.

    Taking and releasing a lock in a loop must not wake the thread every time: a lease that comes due later than the
    next tick is only put into the dictionary, and one that was released by then costs nothing.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._leases: dict[bytes, Lease] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._next_tick = NEVER
        self._stopped = False

    def add(self, lease: Lease) -> None:
        """Renew `lease` until it is dropped or lost."""
        self._leases[lease.token] = lease
        if lease.due < self._next_tick:
            self._hurry(lease.due)

    def drop(self, lease: Lease) -> None:
        """Renew `lease` no longer."""
        self._leases.pop(lease.token, None)

    def stop(self) -> None:
        """Renew nothing any more and end the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _hurry(self, due: float) -> None:
        with self._changed:
            self._next_tick = min(self._next_tick, due)
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="broker-keeper", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _keep(self) -> None:
        while self._wait_for_tick():
            # From here on every `add` hurries, and so is not missed by the look at the leases that follows.
            for lease in list(self._leases.values()):
                if lease.due <= time.monotonic():
                    self._renew(lease)
            with self._changed:
                self._next_tick = min([self._next_tick, *(lease.due for lease in list(self._leases.values()))])

    def _wait_for_tick(self) -> bool:
        with self._changed:
            while not self._stopped and (left := self._next_tick - time.monotonic()) > 0:
                self._changed.wait(left if left < NEVER else None)
            self._next_tick = NEVER
            return not self._stopped

    def _renew(self, lease: Lease) -> None:
        sent = time.monotonic()
        try:
            if self._connection is None:
                self._connection = self._connect()
            held = self._connection.run_once(lease.renewal, lease.token)
        except (redis.RedisError, OSError):  # the other leases still need this thread, and this one another try
            lease.due = time.monotonic() + RETRY
            return
        if held:
            lease.deadline = sent + lease.seconds
            lease.due = sent + lease.seconds / 3
        else:
            lease.lost = True
            self.drop(lease)
