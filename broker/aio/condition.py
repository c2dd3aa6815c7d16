"""A condition variable for the tasks of an event loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from functools import cached_property
from types import TracebackType
from typing import Any, TypeVar

from broker.aio.handle import Handle, Owner
from broker.aio.locks import Lock, RLock
from broker.engine.arguments import check_count
from broker.engine.holders import Waiter
from broker.engine.leased_handle import DEFAULT_LEASE
from broker.engine.waiting import deadline_of
from broker.errors import UnsupportedError
from broker.locks import condition, rlock
from broker.transport.connection import NEVER

T = TypeVar("T")


class Condition(Handle[condition.Condition]):
    """`asyncio.Condition` over Redis: tasks, threads and processes that hold its lock wait to be notified by others.

    `lock` is a `Lock` or an `RLock` of `broker.aio` on the same server; without one, the condition has an `RLock` of
    its own, with the same name, as the `broker.Condition` of this name has. Those that `notify` chooses, the longest
    waiting first, queue for the lock at once, so each is woken only when it has got it.

        async with condition:
            await condition.wait_for(lambda: store.is_ready)

    Unlike asyncio's, all methods are coroutines, since they need the server.
    """

    _blocking_class = condition.Condition

    def __init__(
        self,
        lock: Lock | RLock | None = None,
        *,
        name: str | None = None,
        lease: float = DEFAULT_LEASE,
        context: Owner,
    ) -> None:
        lock = RLock(name, lease=lease, context=context) if lock is None else _check_lock(lock)
        super().__init__(name, context, lock=lock.blocking)

    @cached_property
    def lock(self) -> Lock | RLock:
        """The lock."""
        blocking = self._blocking.lock
        return RLock.of(blocking) if isinstance(blocking, rlock.RLock) else Lock.of(blocking)

    async def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Acquire the lock; see its `acquire`."""
        return await self.lock.acquire(block, timeout)

    async def release(self) -> None:
        """Release the lock; see its `release`."""
        await self.lock.release()

    async def locked(self) -> bool:
        """Return whether somebody holds the lock now."""
        return await self.lock.locked()

    async def __aenter__(self) -> None:
        await self.lock.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.lock.release()

    def wait(self, timeout: float | None = None) -> Coroutine[Any, Any, bool]:
        """Release the lock, wait to be notified, and acquire the lock again; return whether it was notified.

        Returns False if it was not notified within `timeout` seconds; then, too, the lock has been acquired again,
        which may take longer. If the task is cancelled, its notification, if it has one, goes to the next waiter, and
        `CancelledError` is raised when the lock has been acquired again, as by asyncio. Raises `NotOwnedError` if the
        task that calls this does not hold the lock, and `LeaseLostError` if its lease had expired.
        """
        return self._wait(self._caller(), deadline_of(True, timeout))

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> Coroutine[Any, Any, T]:
        """Wait until `predicate` returns something true, or until the timeout; return what it returned last."""
        return self._wait_for(self._caller(), predicate, deadline_of(True, timeout))

    async def notify(self, n: int = 1) -> None:
        """Notify the `n` that have waited longest; they get the lock in turn after this task has released it.

        If the task is cancelled, it is unknown whether they were notified. Raises `NotOwnedError` if this task does not
        hold the lock, and `LeaseLostError` if its lease had expired.
        """
        count, holdings = check_count(n, "a number of waiters"), self._get_session().holdings
        await self._drive(lambda client: self._blocking._notify(holdings, client, count))

    async def notify_all(self) -> None:
        """Notify all that wait; see `notify`."""
        await self.notify(condition.ALL)

    async def waiters(self) -> list[Waiter]:
        """Return who waits to be notified, the next one first; this changes nothing."""
        return await self._drive(self._blocking._list_waiters)

    # The lock's owner is who calls, not the task that runs the coroutine: `asyncio.wait_for`
    # creates one before Python 3.12.
    def _caller(self) -> int:
        return self._get_session().holdings.owner()

    async def _wait(self, owner: int, deadline: float) -> bool:
        holdings = self._get_session().holdings
        return await self._drive(lambda client: self._blocking._wait(holdings, client, owner, deadline), to_end=True)

    async def _wait_for(self, owner: int, predicate: Callable[[], T], deadline: float) -> T:
        while not (result := predicate()) and (deadline == NEVER or time.monotonic() < deadline):
            await self._wait(owner, deadline)
        return result


def _check_lock(lock: Any) -> Lock | RLock:
    if not isinstance(lock, (Lock, RLock)):
        raise UnsupportedError(f"a condition of broker.aio needs a Lock or an RLock of broker.aio, not {lock!r}")
    return lock
