"""Counting semaphores for processes on any number of hosts."""

from __future__ import annotations

from broker.engine.arguments import check_count
from broker.engine.lease import Holdings
from broker.engine.leased_handle import DEFAULT_LEASE
from broker.engine.operations import Client, Steps
from broker.engine.owner import Owner
from broker.engine.requests import run
from broker.errors import InvalidArgumentError
from broker.locks.permits import Permits


class Semaphore(Permits):
    """`multiprocessing.Semaphore` over Redis: `value` permits, each held under a lease.

    If a holder is killed, its permit is free again when the lease expires. A process that calls `release` and holds no
    permit adds one, as Dijkstra's V does, so a semaphore can also count what one process produces and another consumes.
    The same name with another start value raises `MismatchError`.
    """

    _kind = "semaphore"

    def __init__(
        self, value: int = 1, *, name: str | None = None, lease: float = DEFAULT_LEASE, context: Owner | None = None
    ) -> None:
        super().__init__(name, context=context, value=value, lease=lease)
        if name is not None:
            self.open()

    def _configure(self, *, value: int = 1, lease: float = DEFAULT_LEASE) -> None:
        super()._configure(value=check_permits(value), lease=lease)

    def release(self) -> None:
        """Release the permit that this thread acquired last, or one of another thread of this process; else add one.

        Raises `LeaseLostError` if the lease expired before.
        """
        super().release()

    def _release_permit(self, holdings: Holdings, client: Client) -> Steps[None]:
        if not (yield from self._release(holdings, client, self._release_script, self._release_order)):
            yield from run(client, self._add_permit_script, client.new_token())

    def get_value(self) -> int:
        """Return how many permits are free now."""
        return self._count_free()

    def locked(self) -> bool:
        """Return whether no permit is free now."""
        return self._count_free() == 0


class BoundedSemaphore(Semaphore):
    """`multiprocessing.BoundedSemaphore` over Redis: a semaphore that never has more permits than its start value.

    `release` raises `NotHeldError` in a process that holds no permit.
    """

    _kind = "bounded"

    def release(self) -> None:
        """Release the permit that this thread acquired last, or one of another thread of this process.

        Raises `NotHeldError` if this process holds none, and `LeaseLostError` if the lease expired before.
        """
        super().release()

    def _release_permit(self, holdings: Holdings, client: Client) -> Steps[None]:
        return super(Semaphore, self)._release_permit(holdings, client)


def check_permits(value: int) -> int:
    """Return `value`; raise `InvalidArgumentError` if it is not an integer from 0 to multiprocessing's largest."""
    permits = check_count(value, "a semaphore's number of permits")
    if permits < 0:
        raise InvalidArgumentError(f"a semaphore's number of permits must not be negative, but is {value!r}")
    return permits
