"""Holders: what a process has from a handle under leases, and gives back."""

from __future__ import annotations

import threading
from typing import ClassVar

from broker.engine.handle import Handle
from broker.engine.lease import Lease
from broker.errors import InvalidArgumentError, LeaseLostError
from broker.transport.connection import NEVER
from broker.transport.scripts import BoundScript

LEASE = 10.0  # seconds, unless told otherwise


class Holder(Handle):
    """A handle whose process may hold something under a lease: a permit, an item that is not done."""

    _order: ClassVar[int] = -1  # what a thread gives back first: -1 what it got last, 1 what it got first
    _loss: ClassVar[str] = "it was released; others may have been let in"

    def _leases(self) -> list[Lease]:
        return self._here().held(self._key)

    def _own(self, order: int | None = None) -> Lease | None:
        # A thread whose own lease was lost must be told so, and must not lay hands on another thread's.
        thread = threading.get_ident()
        leases = self._leases()[:: order or self._order]
        for lease in leases:
            if lease.thread == thread:
                return lease
        return next((lease for lease in leases if lease.live), next(iter(leases), None))

    def _give_back(self, command: BoundScript, order: int | None = None) -> bool:
        """Return False if there is nothing to give back; raise `LeaseLostError` if the lease ended before.

        `order` is -1 for what the thread got last, whatever is usual here.
        """
        leases = self._leases()
        while (lease := self._own(order)) is not None:
            try:
                leases.remove(lease)
            except ValueError:  # another thread was faster
                continue
            self._here().keeper.drop(lease)
            lost = lease.lost  # read now: a renewal that is under way may yet find it given back
            given, again = self._run(command, lease.token)
            # Not held, but sent more than once: the first request gave it back, and only its reply was lost.
            if given == 1 or (given == 0 and again and not lost):
                return True
            raise LeaseLostError(f"the lease of {self!r} had ended before {self._loss}")
        return False


def check_lease(lease: float) -> float:
    """Return `lease`; raise `InvalidArgumentError` if it is no length of time."""
    if not isinstance(lease, (int, float)) or isinstance(lease, bool) or not 0 < lease < NEVER:
        raise InvalidArgumentError(f"a lease is a number of seconds above 0, not {lease!r}")
    return lease
