"""Leases, and the daemon thread that renews them: what a process holds, it holds for a limited time on the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import redis

from broker.transport.connection import NEVER, Connection
from broker.transport.scripts import BoundScript

RETRY_DELAY = 0.1  # seconds until a failed renewal is retried


class Lease:
    """A permit that this process holds, and until when this is certain.

    `deadline` is on this process's monotonic clock and never later than the expiry on the server: it is counted from
    just before the request that granted or renewed the lease was sent.
    """

    __slots__ = ("deadline", "duration", "fence", "lost", "renew_at", "renew_script", "thread_id", "token")

    def __init__(self, token: bytes, fence: int, duration: float, deadline: float, renew_script: BoundScript) -> None:
        now = time.monotonic()
        self.token = token
        self.fence = fence
        self.duration = duration
        self.deadline = deadline
        self.renew_at = now + (deadline - now) / 3
        self.renew_script = renew_script
        self.lost = False
        self.thread_id = threading.get_ident()

    @property
    def is_valid(self) -> bool:
        """Whether it is certain that no other process holds this permit."""
        return not self.lost and time.monotonic() < self.deadline


class LeaseRenewer:
    """Renews all leases that this process holds at one server, each after a third of its duration.

    A lock that is acquired and released in a loop must not wake the thread each time: a lease whose renewal is due
    after the next wake-up is only added to the dictionary, and costs nothing more if it is released before.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._leases: dict[bytes, Lease] = {}
        self._wakeup_changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._next_wakeup = NEVER
        self._stopped = False

    def add(self, lease: Lease) -> None:
        """Renew `lease` until it is removed or lost."""
        self._leases[lease.token] = lease
        if lease.renew_at < self._next_wakeup:
            self._wake_by(lease.renew_at)

    def remove(self, lease: Lease) -> None:
        """Stop renewing `lease`."""
        self._leases.pop(lease.token, None)

    def stop(self) -> None:
        """Stop renewing all leases and end the thread."""
        with self._wakeup_changed:
            self._stopped = True
            self._wakeup_changed.notify()

    def _wake_by(self, moment: float) -> None:
        with self._wakeup_changed:
            self._next_wakeup = min(self._next_wakeup, moment)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="broker-lease-renewer", daemon=True)
                self._thread.start()
            self._wakeup_changed.notify()

    def _run(self) -> None:
        while self._wait_for_wakeup():
            # _next_wakeup is NEVER now: a lease added from here on calls _wake_by, so it cannot be missed below.
            for lease in list(self._leases.values()):
                if lease.renew_at <= time.monotonic():
                    self._renew(lease)
            with self._wakeup_changed:
                renewals = (lease.renew_at for lease in list(self._leases.values()))
                self._next_wakeup = min([self._next_wakeup, *renewals])

    def _wait_for_wakeup(self) -> bool:
        """Wait until the next wake-up is due; return False if the thread has to end."""
        with self._wakeup_changed:
            while not self._stopped and (left := self._next_wakeup - time.monotonic()) > 0:
                self._wakeup_changed.wait(left if left < NEVER else None)
            self._next_wakeup = NEVER
            return not self._stopped

    def _renew(self, lease: Lease) -> None:
        sent_at = time.monotonic()
        try:
            if self._connection is None:
                self._connection = self._connect()
            held = self._connection.run_once(lease.renew_script, lease.token)
        except (redis.RedisError, OSError):  # this thread must go on: for the other leases, and to retry this one
            lease.renew_at = time.monotonic() + RETRY_DELAY
            return
        if held:
            lease.deadline = sent_at + lease.duration
            lease.renew_at = sent_at + lease.duration / 3
        else:
            lease.lost = True
            self.remove(lease)
