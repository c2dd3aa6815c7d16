"""Counting semaphores for processes on any number of hosts."""

from __future__ import annotations

from broker.engine.leased_handle import LEASE
from broker.engine.owner import Owner
from broker.errors import InvalidArgumentError
from broker.locks.permits import Permits


class Semaphore(Permits):
    """`multiprocessing.Semaphore` over Redis: so many permits, each held under a lease.

    A permit whose holder is killed comes back when its lease ends. A process that releases while it holds none adds
    a permit, as Dijkstra's V does, so the semaphore can also count things that one process makes and another takes.
    The same name with another start value raises `MismatchError`.
    """

    _kind = "semaphore"

    def __init__(
        self, value: int = 1, *, name: str | None = None, lease: float = LEASE, context: Owner | None = None
    ) -> None:
        super().__init__(name, context=context, value=value, lease=lease)
        if name is not None:
            self.open()

    def _configure(self, *, value: int = 1, lease: float = LEASE) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InvalidArgumentError(f"a semaphore starts with a whole number of permits, 0 or more, not {value!r}")
        super()._configure(value=value, lease=lease)

    def release(self) -> None:
        """Give back what this thread took last, or else another thread of this process; or else add a permit.

        Raises `LeaseLostError` if the lease ended before.
        """
        if not self._give_back(self._release):
            self._add_permit()

    def get_value(self) -> int:
        """Return how many permits are free now."""
        return self._free()

    def locked(self) -> bool:
        """Return whether no permit is free now."""
        return self._free() == 0


class BoundedSemaphore(Semaphore):
    """A semaphore that never has more permits than at its start.

    Only a process that holds a permit can release one: any other release raises `NotHeldError`.
    """

    _kind = "bounded"

    def release(self) -> None:
        """Give back what this thread took last, or else what another thread of this process did.

        Raises `NotHeldError` if this process holds nothing, `LeaseLostError` if the lease ended before.
        """
        super(Semaphore, self).release()
