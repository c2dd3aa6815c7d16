"""Leased handles: what a process holds through a handle, it holds under leases."""

from __future__ import annotations

import threading
from typing import ClassVar

from broker.engine.handle import Handle
from broker.engine.lease import Lease
from broker.errors import InvalidArgumentError, LeaseLostError
from broker.transport.connection import NEVER
from broker.transport.scripts import BoundScript

DEFAULT_LEASE = 10.0  # seconds


class LeasedHandle(Handle):
    """A handle through which a process can hold permits, or items that are not done, each under a lease."""

    _release_order: ClassVar[int] = -1  # which of its leases a thread releases first: -1 the newest, 1 the oldest
    _expired_message: ClassVar[str] = "expired before release(); another process may have acquired it"

    def _held_leases(self) -> list[Lease]:
        return self._get_session().leases(self._key)

    def _current_lease(self, order: int | None = None) -> Lease | None:
        # The calling thread's own lease comes first, even if it is lost: the thread must learn of that, and must not
        # release the lease of another thread instead.
        thread_id = threading.get_ident()
        leases = self._held_leases()[:: order or self._release_order]
        for lease in leases:
            if lease.thread_id == thread_id:
                return lease
        return next((lease for lease in leases if lease.is_valid), next(iter(leases), None))

    def _release_lease(self, script: BoundScript, order: int | None = None) -> bool:
        """Release the current lease; return False if there is none, raise `LeaseLostError` if it had expired.

        `order` replaces `_release_order`.
        """
        leases = self._held_leases()
        while (lease := self._current_lease(order)) is not None:
            try:
                leases.remove(lease)
            except ValueError:  # another thread has released it
                continue
            self._get_session().lease_renewer.remove(lease)
            lost = lease.lost  # read before the release: a renewal that is under way may find it released
            released, retried = self._run(script, lease.token)
            # Not held, but sent more than once: the first request released it, and only its reply was lost.
            if released == 1 or (released == 0 and retried and not lost):
                return True
            raise LeaseLostError(f"the lease of {self!r} {self._expired_message}")
        return False


def check_lease(lease: float) -> float:
    """Return `lease`; raise `InvalidArgumentError` if it is not a positive, finite number of seconds."""
    if not isinstance(lease, (int, float)) or isinstance(lease, bool) or not 0 < lease < NEVER:
        raise InvalidArgumentError(f"a lease must be a number of seconds above 0, not {lease!r}")
    return lease
