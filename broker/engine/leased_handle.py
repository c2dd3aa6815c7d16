"""Leased handles: what a process holds through a handle, it holds under leases."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

from broker.engine.arguments import check_duration
from broker.engine.handle import Handle
from broker.engine.lease import CONFIRMED, SENT, Holdings, Lease
from broker.engine.operations import Client, Steps
from broker.engine.requests import ask, run, unexpected
from broker.errors import LeaseLostError
from broker.transport.scripts import BoundScript, Command

DEFAULT_LEASE = 10.0  # seconds
MIN_LEASE = 0.01  # seconds: several round trips; the next holder must hear of its grant within the lease
MAX_LEASE = 86400.0  # seconds: renewals, each after a third of it, keep the keys from expiring


class LeasedHandle(Handle):
    """A handle through which a process can hold permits, or items that are not done, each under a lease."""

    _release_order: ClassVar[int] = -1  # which of its leases a thread releases first: -1 the newest, 1 the oldest
    _expired_message: ClassVar[str] = "expired before release(); another process may have acquired it"

    def _current_lease(self, holdings: Holdings) -> Lease | None:
        return next(self._candidates(holdings, self._release_order), None)

    def _candidates(self, holdings: Holdings, order: int) -> Iterator[Lease]:
        leases = holdings.leases(self._key)[::order]
        if len(leases) < 2:
            return iter(leases)
        # The caller's own leases come first, even if they are lost: it must learn of that, and must not release the
        # lease of another thread instead.
        owner = holdings.owner()
        own = [lease for lease in leases if lease.owner == owner]
        others = [lease for lease in leases if lease.owner != owner]
        return iter(own + sorted(others, key=lambda lease: not lease.is_valid))

    @property
    def _withdrawal(self) -> BoundScript:
        """The script that replaces a release if a copy of the lease's request may still be under way."""
        raise NotImplementedError

    def _release_lease(self, release: BoundScript, order: int | None = None) -> bool:
        """Release the current lease; return False if there is none, raise `LeaseLostError` if it had expired.

        `order` replaces `_release_order`. If it raises another error, or is interrupted, it can be repeated; meanwhile
        the release is repeated in the background, until the lease expires.
        """
        holdings = self._get_session().holdings
        return self._drive(lambda client: self._release(holdings, client, release, order or self._release_order))

    def _release(self, holdings: Holdings, client: Client, release: BoundScript, order: int) -> Steps[bool]:
        for lease in self._candidates(holdings, order):
            if holdings.claim_release(lease):
                break
        else:
            return False
        before, lost = lease.release, lease.lost if lease.release else lease.has_expired
        if lease.brief_until:
            holdings.held_briefly[self._key] = client.now() < lease.brief_until
        script = self._withdrawal if lease.sent_again else release
        try:
            lease.release = SENT
            if (keeping := lease.keeping) is not None:
                keeping.end(lease)
            released, retried = (1, False) if before == CONFIRMED else (yield from run(client, script, lease.token))
            if type(released) is not int:
                raise unexpected(client, released)
            if released == 0 and (retried or before == SENT):  # unless the first request has released it
                released = yield from self._has_data_since(client, lease)
            holdings.drop(self._key, lease)
        except BaseException:
            holdings.complete_release(lease, script)
            raise
        if before == CONFIRMED or (not lost and released == 1):
            return True
        raise self._lease_lost()

    def _lease_lost(self) -> LeaseLostError:
        return LeaseLostError(f"the lease of {self!r} {self._expired_message}")

    def _has_data_since(self, client: Client, lease: Lease) -> Steps[int]:
        """Return 0 if the server has lost its data since the lease was granted: others may have been let in."""
        if not lease.fence:  # an item, which a getter that was let in may have got a second time
            return 1
        fields = b"created", b"fence"
        return (yield from ask(client, partial(_includes, lease.fence), Command(b"HMGET", self._key), *fields))


def _includes(granted: int, reply: Any) -> int:
    created, fence = reply
    return int(created is not None and int(created) <= granted <= int(fence))


def check_lease(lease: float) -> float:
    """Return `lease` as a float; raise `InvalidArgumentError` if it is not from `MIN_LEASE` to `MAX_LEASE`."""
    return check_duration(lease, "a lease", MIN_LEASE, MAX_LEASE)
