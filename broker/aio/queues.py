"""Queues for the tasks of an event loop."""

from __future__ import annotations

import asyncio
import queue
from typing import Any, TypeVar

from broker.aio.handle import Handle, Owner
from broker.engine.holders import Holder, Waiter, read_holders
from broker.engine.leased_handle import DEFAULT_LEASE
from broker.engine.waiting import deadline_of
from broker.messages import queues
from broker.messages.items import Items
from broker.transport.connection import NEVER

I = TypeVar("I", bound=Items)  # noqa: E741
Q = TypeVar("Q", bound=queues.Queue)


class QueueEmpty(asyncio.QueueEmpty, queue.Empty):
    """Raised when there is no item; it is both asyncio's exception and the one of threads' queues."""


class QueueFull(asyncio.QueueFull, queue.Full):
    """Raised when there is no free slot; it is both asyncio's exception and the one of threads' queues."""


class _AsyncItems(Handle[I]):
    async def empty(self) -> bool:
        """Return whether there is no item now."""
        return await self._count() == 0

    async def waiters(self) -> list[Waiter]:
        """Return who waits in `get`, the next one first, and then who waits in `put`; this changes nothing.

        A waiter that was killed is listed until it would be the next.
        """
        return await self._ask(self._blocking._parse_waiters, self._blocking._read_script)

    async def open(self) -> None:
        """Create it on the server unless it exists; raise `MismatchError` if it exists with another size."""
        await self._count()

    async def _put(self, item: Any, deadline: float) -> None:
        items, payload, holdings = self._blocking, self._blocking._dumps(item), self._get_session().holdings
        try:
            await self._drive(lambda client: items._put_item(holdings, client, payload, deadline))
        except queue.Full:
            raise QueueFull from None

    async def _get(self, deadline: float) -> Any:
        items, holdings = self._blocking, self._get_session().holdings
        try:
            item = await self._drive(lambda client: items._get_item(holdings, client, deadline))
        except queue.Empty:
            raise QueueEmpty from None
        return items._loads(item)

    async def _count(self) -> int:
        return await self._drive(self._blocking._count_items)


class SimpleQueue(_AsyncItems[queues.SimpleQueue]):
    """The `broker.SimpleQueue` of the same name, for tasks: a queue without a limit and without timeouts."""

    _blocking_class = queues.SimpleQueue

    def __init__(self, name: str | None = None, *, context: Owner) -> None:
        super().__init__(name, context)

    async def put(self, item: Any) -> None:
        """Put `item`; on return, every process can get it."""
        await self._put(item, NEVER)

    async def get(self) -> Any:
        """Remove and return the oldest item; wait until there is one."""
        return await self._get(NEVER)


class _AsyncQueue(_AsyncItems[Q]):
    async def put(self, item: Any, *, timeout: float | None = None) -> None:
        """Put `item`; wait for a free slot for at most `timeout` seconds, and raise `QueueFull` if there is none.

        On return, every process can get the item. If the task is cancelled, it is unknown whether the item was put.
        Raises `ServerUnavailableError` if the server does not answer in time.
        """
        await self._put(item, deadline_of(True, timeout))

    async def get(self, *, timeout: float | None = None) -> Any:
        """Remove and return the oldest item; wait at most `timeout` seconds, and raise `QueueEmpty` if there is none.

        If the task is cancelled, it takes no item: one that was on its way goes back to the head of the queue. Raises
        `ServerUnavailableError` if the server does not answer in time.
        """
        return await self._get(deadline_of(True, timeout))

    async def put_nowait(self, item: Any) -> None:
        """Put `item` without waiting for a slot; raise `QueueFull` if none is free."""
        await self._put(item, deadline_of(False, None))

    async def get_nowait(self) -> Any:
        """Remove and return the oldest item without waiting for one; raise `QueueEmpty` if there is none."""
        return await self._get(deadline_of(False, None))

    async def qsize(self) -> int:
        """Return how many items there are now."""
        return await self._count()

    async def full(self) -> bool:
        """Return whether there is no free slot now."""
        return self._blocking._is_full(await self._count())

    @property
    def maxsize(self) -> int:
        """The number of items allowed in the queue; 0 if there is no limit."""
        return self._blocking._maxsize


class Queue(_AsyncQueue[queues.Queue]):
    """`asyncio.Queue` over Redis, for tasks, threads and processes on any number of hosts.

    It is the same queue as a `broker.Queue` of this name. Items are got in the order in which they were put, and
    whoever has waited longest gets the next one. The first call raises `MismatchError` if the name has another
    `maxsize` already. All methods are coroutines, since they need the server; `task_done` and `join` are in
    `JoinableQueue`.
    """

    _blocking_class = queues.Queue

    def __init__(self, maxsize: int = 0, *, name: str | None = None, context: Owner) -> None:
        super().__init__(name, context, maxsize=maxsize)


class JoinableQueue(_AsyncQueue[queues.JoinableQueue]):
    """The `broker.JoinableQueue` of the same name, for tasks: a `Queue` with `task_done` and `join`.

    A task that got an item holds it under a lease, which the loop renews until `task_done`. If the loop's process is
    killed, another getter gets the item when the lease of `lease` seconds expires.
    """

    _blocking_class = queues.JoinableQueue

    def __init__(
        self, maxsize: int = 0, *, name: str | None = None, lease: float = DEFAULT_LEASE, context: Owner
    ) -> None:
        super().__init__(name, context, maxsize=maxsize, lease=lease)

    async def task_done(self) -> None:
        """Mark the item that this task got first as done, or one of another task of this loop.

        Raises `NotHeldError` (a `ValueError`) if this loop has no unfinished item, and `LeaseLostError` if the lease
        expired before.
        """
        holdings, items = self._get_session().holdings, self._blocking
        await self._drive(lambda client: items._complete_item(holdings, client))

    async def join(self, timeout: float | None = None) -> bool:
        """Wait until all items are done; return True, or False if they are not within `timeout` seconds."""
        items = self._blocking
        return await self._drive(lambda client: items._wait_until_done(client, timeout))

    async def holders(self) -> list[Holder]:
        """Return who holds an item that is not done, once for each item; this changes nothing.

        A holder that was killed is listed until its lease expires, and a waiter as soon as an item is reserved for it.
        """
        return await self._ask(read_holders, self._blocking._read_script)
