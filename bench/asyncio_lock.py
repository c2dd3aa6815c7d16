"""How an asyncio library's lock is measured: by an event loop in each process, as its users drive it.

What is timed runs inside the loop, so no figure contains the time to start and to leave it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol


class Lock(Protocol):
    """A lock of such a library, for all tasks of a loop."""

    async def acquire(self) -> Any:
        """Wait for the lock; return what its release needs."""

    async def release(self, lease: Any) -> object:
        """Release the lock."""


class AsyncioLock:
    """An asyncio lock, and the event loop that drives it in the calling thread."""

    def __init__(self, open_lock: Callable[[], Lock]) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = open_lock()
        self._lease: Any = None

    def acquire(self) -> int:
        """Wait for the lock and hold it; return the moment when it was got, in ns of the monotonic clock."""

        async def acquire() -> int:
            self._lease = await self._lock.acquire()
            return time.monotonic_ns()

        return self._run(acquire())

    def release(self) -> int:
        """Release the lock; return the moment before the call."""

        async def release() -> int:
            began = time.monotonic_ns()
            await self._lock.release(self._lease)
            return began

        return self._run(release())

    def repeat(self, pairs: int) -> None:
        """Acquire and release the lock so many times."""

        async def repeat() -> None:
            for _ in range(pairs):
                await self._lock.release(await self._lock.acquire())

        self._run(repeat())

    def run_tasks(self, tasks: int, work: Callable[[int, Lock], Coroutine[Any, Any, None]]) -> None:
        """Run `work(index, lock)` in so many tasks."""

        async def run() -> None:
            await asyncio.gather(*(work(index, self._lock) for index in range(tasks)))

        self._run(run())

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(coroutine)
