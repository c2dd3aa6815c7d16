"""Locks and semaphores for the tasks of an event loop."""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

from broker.aio.handle import Handle, Owner
from broker.engine.holders import Holder, Waiter, read_holders
from broker.engine.leased_handle import DEFAULT_LEASE
from broker.engine.waiting import deadline_of
from broker.locks import lock, rlock, semaphore
from broker.locks.permits import Permits
from broker.transport.replies import integer

P = TypeVar("P", bound=Permits)


class _AsyncPermits(Handle[P]):
    async def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Acquire a permit for this task; return whether it was acquired.

        Waits until a permit is free, in order of arrival: for at most `timeout` seconds, and not at all if `block` is
        false or `timeout` is 0 or less. The permit is held under a lease, which is renewed until `release`. If the task
        is cancelled, it acquires nothing.
        """
        deadline, holdings, permits = deadline_of(block, timeout), self._get_session().holdings, self._blocking
        return await self._drive(lambda client: permits._acquire_permit(holdings, client, deadline))

    async def release(self) -> None:
        """Release the permit that this task acquired last, or one of another task of this loop.

        If the task is cancelled meanwhile, the release is completed in the background. Raises `LeaseLostError` if the
        lease expired before, and if this loop holds none, `NotHeldError`; but a `Semaphore` then gets one more permit.
        """
        holdings, permits = self._get_session().holdings, self._blocking
        await self._drive(lambda client: permits._release_permit(holdings, client))

    @property
    def held(self) -> bool:
        """Whether this task, or another of this loop, is certain to hold a permit; this sends no request."""
        return self._blocking._is_held(self._get_session().holdings)

    @property
    def fence(self) -> int | None:
        """The fence of the permit that `held` refers to, or None; this number rises with every grant."""
        return self._blocking._current_fence(self._get_session().holdings)

    async def locked(self) -> bool:
        """Return whether no permit is free now."""
        return await self._count_free() == 0

    async def holders(self) -> list[Holder]:
        """Return who holds a permit, the one that acquired it first at the head; this changes nothing.

        A holder that was killed is listed until its lease expires, and a waiter as soon as a permit is granted to it.
        """
        return await self._ask(read_holders, self._blocking._read_script)

    async def waiters(self) -> list[Waiter]:
        """Return who waits in `acquire`, the next one first; this changes nothing.

        A waiter that was killed is listed until it would be the next.
        """
        return await self._ask(self._blocking._parse_waiters, self._blocking._read_script)

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()

    async def open(self) -> None:
        """Create it on the server unless it exists; raise `MismatchError` if it exists with another start value."""
        await self._count_free()

    async def _count_free(self) -> int:
        return await self._ask(integer, self._blocking._count_free_script)


class Lock(_AsyncPermits[lock.Lock]):
    """`asyncio.Lock` over Redis, for tasks, threads and processes on any number of hosts.

    It is the same lock as a `broker.Lock` of this name: whoever has waited longest gets it next. The holder has a lease
    of `lease` seconds, which the loop renews until `release`. A loop that stands still or is cut off from the server
    for that long loses the lock: then `held` is false at once, and `release` raises `LeaseLostError`.

        async with lock:
            await store.write(value, fence=lock.fence)

    Unlike asyncio's, `release` and `locked` are coroutines, since they need the server.
    """

    _blocking_class = lock.Lock

    def __init__(self, name: str | None = None, *, lease: float = DEFAULT_LEASE, context: Owner) -> None:
        super().__init__(name, context, lease=lease)


class RLock(_AsyncPermits[rlock.RLock]):
    """The `broker.RLock` of the same name, for tasks: the task that holds it may acquire it again; see `Lock`.

    asyncio has none. Its owner is a task: others of its loop wait as threads and processes do, also those that the
    owner has created, and `release` by another task raises `NotOwnedError`. All handles for it in one loop count
    together.

        async with lock:
            async with lock:
                await store.write(value, fence=lock.fence)
    """

    _blocking_class = rlock.RLock

    def __init__(self, name: str | None = None, *, lease: float = DEFAULT_LEASE, context: Owner) -> None:
        super().__init__(name, context, lease=lease)

    async def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Acquire the lock for this task; return whether it was acquired.

        The task that holds it does not wait. Others wait until it is free, as in `Lock.acquire`. Raises
        `LeaseLostError` if this task has lost its lease, and has not released the lock as often as it had acquired it.
        """
        deadline_of(block, timeout)  # what is no number is refused in any case
        again = self._blocking._acquire_again(self._get_session().holdings)
        return again or await super().acquire(block, timeout)

    async def release(self) -> None:
        """Release one level of the lock; it is free when its owner has released it as often as it had acquired it.

        If the task is cancelled meanwhile, the release is completed in the background. Raises `NotOwnedError` if this
        task does not hold it, and `LeaseLostError` if the lease expired before.
        """
        if not self._blocking._release_level(self._get_session().holdings):
            await super().release()

    @property
    def depth(self) -> int:
        """How often this task has acquired the lock and not released it, also if the lease is lost."""
        return self._blocking._depth(self._get_session().holdings)


class _AsyncSemaphore(_AsyncPermits[P]):
    def __init__(
        self, value: int = 1, *, name: str | None = None, lease: float = DEFAULT_LEASE, context: Owner
    ) -> None:
        super().__init__(name, context, value=value, lease=lease)

    async def get_value(self) -> int:
        """Return how many permits are free now."""
        return await self._count_free()


class Semaphore(_AsyncSemaphore[semaphore.Semaphore]):
    """`asyncio.Semaphore` over Redis: `value` permits, each held under a lease; see `Lock`.

    A task that calls `release` when its loop holds no permit adds one. The first call raises `MismatchError` if the
    name has another start value already.
    """

    _blocking_class = semaphore.Semaphore


class BoundedSemaphore(_AsyncSemaphore[semaphore.BoundedSemaphore]):
    """`asyncio.BoundedSemaphore` over Redis: a semaphore that never has more permits than its start value.

    `release` raises `NotHeldError`, a `ValueError`, when this loop holds no permit.
    """

    _blocking_class = semaphore.BoundedSemaphore
