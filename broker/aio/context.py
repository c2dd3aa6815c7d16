"""Contexts: they create primitives for the tasks of an event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from broker.aio import barrier, condition, event, locks, queues, values
from broker.aio.handle import Handle
from broker.aio.session import get_session, leave_session
from broker.engine.leased_handle import DEFAULT_LEASE
from broker.errors import ServerUnavailableError
from broker.server.check import check_server
from broker.server.choice import ServerChoice


class Context:
    """Creates asyncio's primitives over Redis, all on one server; used as `async with Context(url) as ctx`.

    Without `url`, the server is the one that the environment names (in `LAB_REDIS_URL`, or in the file
    `LAB_REDIS_URL_FILE`), else a private server, which runs until `close` or until this process ends.

    The methods take the arguments of asyncio's, and as keywords `name` and, if the primitive can be held, `lease` in
    seconds. The same name is the same primitive for tasks, threads and processes on any host; without a name, a new
    primitive is created. They send no request, so they can be called when no event loop runs. The primitives can be
    used in several loops, each of which has connections of its own.
    """

    def __init__(self, url: str | None = None) -> None:
        self._server = ServerChoice(url)
        self._unnamed: list[Handle[Any]] = []

    @property
    def url(self) -> str:
        """The server's URL; a private server is started if no other was named."""
        return self._server.url

    async def check(self) -> str:
        """Return the server's name, version and address; raise what `async with` raises, see `get_context`."""
        return await asyncio.to_thread(lambda: check_server(self.url))

    def Lock(self, *, name: str | None = None, lease: float = DEFAULT_LEASE) -> locks.Lock:
        """Return a lock."""
        return locks.Lock(name, lease=lease, context=self)

    def RLock(self, *, name: str | None = None, lease: float = DEFAULT_LEASE) -> locks.RLock:
        """Return a reentrant lock."""
        return locks.RLock(name, lease=lease, context=self)

    def Condition(
        self,
        lock: locks.Lock | locks.RLock | None = None,
        *,
        name: str | None = None,
        lease: float = DEFAULT_LEASE,
    ) -> condition.Condition:
        """Return a condition with this lock, or with a reentrant lock of its own."""
        return condition.Condition(lock, name=name, lease=lease, context=self)

    def Barrier(self, parties: int, *, name: str | None = None, lease: float = DEFAULT_LEASE) -> barrier.Barrier:
        """Return a barrier for `parties` tasks."""
        return barrier.Barrier(parties, name=name, lease=lease, context=self)

    def Semaphore(self, value: int = 1, *, name: str | None = None, lease: float = DEFAULT_LEASE) -> locks.Semaphore:
        """Return a semaphore of `value` permits."""
        return locks.Semaphore(value, name=name, lease=lease, context=self)

    def BoundedSemaphore(
        self, value: int = 1, *, name: str | None = None, lease: float = DEFAULT_LEASE
    ) -> locks.BoundedSemaphore:
        """Return a semaphore that never has more than `value` permits."""
        return locks.BoundedSemaphore(value, name=name, lease=lease, context=self)

    def Event(self, *, name: str | None = None) -> event.Event:
        """Return an event."""
        return event.Event(name, context=self)

    def SimpleQueue(self, *, name: str | None = None) -> queues.SimpleQueue:
        """Return a queue without a limit and without timeouts."""
        return queues.SimpleQueue(name, context=self)

    def Queue(self, maxsize: int = 0, *, name: str | None = None) -> queues.Queue:
        """Return a queue of at most `maxsize` items, or any number."""
        return queues.Queue(maxsize, name=name, context=self)

    def JoinableQueue(
        self, maxsize: int = 0, *, name: str | None = None, lease: float = DEFAULT_LEASE
    ) -> queues.JoinableQueue:
        """Return a queue whose items are held until they are done."""
        return queues.JoinableQueue(maxsize, name=name, lease=lease, context=self)

    def Value(
        self, typecode_or_type: Any, *args: Any, lock: locks.RLock | bool | None = True, name: str | None = None
    ) -> values.Value:
        """Return a value of this type of ctypes, or typecode; `args` are what it is if it does not exist."""
        return values.Value(typecode_or_type, *args, lock=lock, name=name, context=self)

    def Array(
        self,
        typecode_or_type: Any,
        size_or_initializer: int | Sequence[Any],
        *,
        lock: locks.RLock | bool | None = True,
        name: str | None = None,
    ) -> values.Array:
        """Return an array of so many zeros, or of what the initializer contains, if it does not exist."""
        return values.Array(typecode_or_type, size_or_initializer, lock=lock, name=name, context=self)

    def url_for(self, name: str | None) -> str:
        """Return the server's URL; raise `InvalidArgumentError` for a name on a private server."""
        return self._server.url_for(name)

    def own(self, primitive: Handle[Any], name: str | None) -> None:
        """Delete `primitive` in `close` if it has no name."""
        if name is None:
            self._unnamed.append(primitive)

    async def close(self) -> None:
        """Delete the primitives that were created without a name, close the connections, stop the private server.

        What cancelled calls have begun is undone first. The connections stay if another context of this loop uses them;
        else, what the loop's tasks hold is free when its leases expire. Those of other loops stay.
        """
        if self._server.chosen is not None:
            if not self._server.is_private:
                with contextlib.suppress(ServerUnavailableError):  # their keys will expire
                    for handle in self._unnamed:
                        await handle.delete()
            self._unnamed.clear()
            await leave_session(self._server.chosen, self)
        self._server.close()

    async def __aenter__(self) -> Context:
        await self.check()
        get_session(self.url).contexts.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def get_context(url: str | None = None) -> Context:
    """Return a context, with the arguments of `Context`.

    `async with get_context(url) as ctx` checks that the server is available and suitable first; it raises
    `InvalidArgumentError`, `ServerUnavailableError` or `UnsuitableServerError`, whose message says what to do.
    """
    return Context(url)
