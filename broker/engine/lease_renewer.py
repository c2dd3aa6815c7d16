"""The daemon thread that renews the leases of a process."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from broker.engine.blocking import drive
from broker.engine.keeper import Keeper
from broker.engine.lease import Lease, Withdrawal, renew
from broker.engine.operations import Clock, Steps
from broker.errors import BrokerError
from broker.transport.connection import NEVER, Connection

T = TypeVar("T")


class LeaseRenewer:
    """Renews all leases that this process holds at one server, each after a third of its duration.

    A lock that is acquired and released in a loop must not wake the thread each time: a lease whose renewal is due
    after the next wake-up is only added to the dictionary, and costs nothing more if it is released before.

    With a `keeper`, that renews them as well, and the thread renews what it has not.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._leases: dict[bytes, Lease] = {}
        self._withdrawals: list[Withdrawal] = []
        self._wakeup_changed = threading.Condition()  # reentrant: a finalizer may remove a lease at any point
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._next_wakeup = NEVER
        self._stopped = False
        self.keeper: Keeper | None = None

    def use_keeper(self, url: str) -> None:
        """Have leases that are added from now on renewed by a keeper, too."""
        if self.keeper is None:
            self.keeper = Keeper(url, self._leases)

    def add(self, lease: Lease) -> None:
        """Renew `lease` until it is removed or lost; raise `BrokerError` if no thread or keeper can be started."""
        self._leases[lease.token] = lease
        if self.keeper is not None:
            self.keeper.keep(lease)
        if lease.renew_at < self._next_wakeup:
            self._wake_by(lease.renew_at)

    def remove(self, lease: Lease) -> None:
        """Stop renewing `lease`."""
        self._leases.pop(lease.token, None)
        if self.keeper is not None:
            self.keeper.end(lease)

    def withdraw(self, withdrawal: Withdrawal) -> None:
        """Send `withdrawal` in the background; without a thread, the lease expires instead."""
        self._withdrawals.append(withdrawal)
        with contextlib.suppress(BrokerError):
            self._wake_by(0.0)

    def stop(self) -> None:
        """Stop renewing all leases and end the thread."""
        with self._wakeup_changed:
            self._stopped = True
            self._wakeup_changed.notify()
        if self.keeper is not None:
            self.keeper.stop()

    def _wake_by(self, moment: float) -> None:
        with self._wakeup_changed:
            if self._thread is None:
                self._start_thread()
            self._next_wakeup = min(self._next_wakeup, moment)
            self._wakeup_changed.notify()

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="broker-lease-renewer", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no memory for it, or the interpreter is shutting down
            raise BrokerError(f"leases cannot be renewed, since no thread can be started: {error}") from error
        self._thread = thread

    def _run(self) -> None:
        while self._wait_for_wakeup():
            # _next_wakeup is NEVER now: a lease added from here on calls _wake_by, so it cannot be missed below.
            for lease in list(self._leases.values()):
                if lease.renew_at <= time.monotonic():
                    self._renew(lease)
                if not lease.needs_renewal:
                    self.remove(lease)
            for withdrawal in list(self._withdrawals):
                if withdrawal.due <= time.monotonic() and self._drive(withdrawal.send):
                    self._withdrawals.remove(withdrawal)
            with self._wakeup_changed:
                renewals = (lease.renew_at for lease in list(self._leases.values()))
                withdrawals = (withdrawal.due for withdrawal in list(self._withdrawals))
                self._next_wakeup = min([self._next_wakeup, *renewals, *withdrawals])

    def _wait_for_wakeup(self) -> bool:
        """Wait until the next wake-up is due; return False if the thread has to end."""
        with self._wakeup_changed:
            while not self._stopped and (left := self._next_wakeup - time.monotonic()) > 0:
                self._wakeup_changed.wait(left if left < NEVER else None)
            self._next_wakeup = NEVER
            return not self._stopped

    def _renew(self, lease: Lease) -> None:
        if self.keeper is None:
            self._drive(partial(renew, lease=lease))
        elif not lease.is_kept(time.monotonic()):
            self._drive(partial(renew, lease=lease))
            with contextlib.suppress(BrokerError):  # then this thread alone renews it
                self.keeper.keep(lease)

    def _drive(self, steps: Callable[[Clock], Steps[T]]) -> T:
        if self._connection is None:
            self._connection = self._connect()
        return drive(steps(self._connection), self._connection)
