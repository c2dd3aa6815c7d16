"""A reentrant lock for processes on any number of hosts."""

from __future__ import annotations

from collections.abc import Iterator

from broker.engine.lease import NOT_SENT, Holdings, Lease
from broker.engine.leased_handle import DEFAULT_LEASE
from broker.engine.operations import Client, Steps
from broker.engine.owner import Owner
from broker.engine.waiting import deadline_of
from broker.errors import NotOwnedError
from broker.locks.permits import Permits


class RLock(Permits):
    """`multiprocessing.RLock` over Redis: the thread that holds it may acquire it again; see `Lock` for the rest.

    Its owner is a thread of a process. Other threads of that process wait as other processes do, and a forked child
    owns nothing. The owner has one lease, however often it has acquired the lock, and sends a request only for the
    first `acquire` and the last `release`. If the lease is lost, `held` is false at once. Each `release` then raises
    `LeaseLostError`, and so does `acquire` until the owner has released the lock as often as it had acquired it.

        with lock:
            with lock:
                store.write(value, fence=lock.fence)

    A pickled lock is a handle for the same lock in any process. All handles for it in one process count together.
    """

    _kind = "rlock"

    def __init__(self, name: str | None = None, *, lease: float = DEFAULT_LEASE, context: Owner | None = None) -> None:
        super().__init__(name, context=context, lease=lease)

    def acquire(self, block: bool = True, timeout: float | None = None, *, blocking: bool = True) -> bool:
        """Acquire the lock for this thread; return whether it was acquired.

        The thread that holds it does not wait. Others wait until it is free, in order of arrival: for
        at most `timeout` seconds, and not at all if `block` is false or `timeout` is 0 or less. Raises `LeaseLostError`
        if this thread has lost its lease, and has not released the lock as often as it had acquired it.
        """
        deadline_of(block, timeout)  # what is no number is refused in any case
        return self._acquire_again(self._get_session().holdings) or super().acquire(block and blocking, timeout)

    def release(self) -> None:
        """Release one level of the lock; it is free when its owner has released it as often as it had acquired it.

        Raises `NotOwnedError` if this thread does not hold it, and `LeaseLostError` if the lease expired before.
        """
        if not self._release_level(self._get_session().holdings):
            super().release()

    @property
    def held(self) -> bool:
        """Whether this thread is certain to hold the lock; this sends no request.

        A lease that has expired is lost, even if no other process has acquired the lock: `held` stays false, and
        `release` raises `LeaseLostError`.
        """
        return super().held

    @property
    def depth(self) -> int:
        """How often this thread has acquired the lock and not released it, also if the lease is lost."""
        return self._depth(self._get_session().holdings)

    def locked(self) -> bool:
        """Return whether a thread of any process holds the lock now."""
        return self._count_free() == 0

    def _acquire_again(self, holdings: Holdings) -> bool:
        """Acquire one level more, without a request; return False if the caller does not hold the lock."""
        lease = self._current_lease(holdings)
        if lease is None or lease.release != NOT_SENT:
            return False
        if lease.has_expired:
            raise self._lease_lost()
        lease.depth += 1
        return True

    def _release_level(self, holdings: Holdings) -> bool:
        """Release one level, without a request; return False, and change nothing, if it is the last one."""
        lease = self._current_lease(holdings)
        if lease is None or lease.depth == 1:
            return False
        lost = self._lease_lost() if lease.has_expired else None
        lease.depth -= 1  # nothing that can be interrupted follows
        if lost is not None:
            raise lost
        return True

    def _depth(self, holdings: Holdings) -> int:
        lease = self._current_lease(holdings)
        return 0 if lease is None or lease.release != NOT_SENT else lease.depth

    def _candidates(self, holdings: Holdings, order: int) -> Iterator[Lease]:
        owner = holdings.owner()
        return (lease for lease in holdings.leases(self._key)[::order] if lease.owner == owner)

    def _release_permit(self, holdings: Holdings, client: Client) -> Steps[None]:
        if not (yield from self._release(holdings, client, self._release_script, self._release_order)):
            raise NotOwnedError(f"{self!r} is not held by this thread")
