"""Locks and queues of a manager: those of a context, with the arguments of threading's and of `queue.Queue`.

The managers of multiprocessing have these in their process.
"""

from __future__ import annotations

from typing import Any

from broker.engine.arguments import check_timeout
from broker.errors import InvalidArgumentError
from broker.locks import condition, lock, rlock, semaphore
from broker.messages import queues

NO_TIMEOUT = -1


class _Acquired:
    """Mixin for what is acquired, and cannot be given a timeout for an `acquire` that does not wait."""

    __slots__ = ()

    def acquire(self, block: bool = True, timeout: float | None = None, *, blocking: bool = True) -> bool:
        """Acquire it, as that of a context; raise `InvalidArgumentError` for a timeout without waiting."""
        original: Any = super()
        waits = block and blocking
        if timeout is not None and not waits:
            raise InvalidArgumentError("acquire takes a timeout only if it may wait")
        return bool(original.acquire(waits, timeout))


class _Locked(_Acquired):
    """Mixin for what is also locked for any time with a timeout of -1, and cannot be given another negative one."""

    __slots__ = ()

    def acquire(self, block: bool = True, timeout: float | None = None, *, blocking: bool = True) -> bool:
        """Acquire it, as that of a context; a timeout of -1 is none.

        Raises `InvalidArgumentError` for another negative timeout, and for one without waiting.
        """
        if timeout is not None and (seconds := check_timeout(timeout)) < 0:
            if seconds != NO_TIMEOUT:
                raise InvalidArgumentError(f"a timeout must not be negative, unless it is -1, for none: {timeout!r}")
            timeout = None
        return super().acquire(block, timeout, blocking=blocking)


class Lock(_Locked, lock.Lock):
    """A `broker.Lock`."""


class RLock(_Locked, rlock.RLock):
    """A `broker.RLock`."""


class Condition(_Locked, condition.Condition):
    """A `broker.Condition`."""

    def locked(self) -> bool:
        """Return whether its lock is held now, as a manager of multiprocessing's does from Python 3.14 on."""
        return self.lock.locked()


class Semaphore(_Acquired, semaphore.Semaphore):
    """A `broker.Semaphore`."""


class BoundedSemaphore(_Acquired, semaphore.BoundedSemaphore):
    """A `broker.BoundedSemaphore`."""


class QueueArguments:
    """Mixin for queues whose methods have the arguments of those of `queue.Queue`."""

    __slots__ = ()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an item, as that of a context; raise `InvalidArgumentError` for a negative timeout if it may wait."""
        original: Any = super()
        original.put(item, block, _not_negative(block and original._maxsize > 0, timeout))

    def put_nowait(self, item: Any) -> None:
        """Put an item without waiting."""
        self.put(item, block=False)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Get an item, as that of a context; raise `InvalidArgumentError` for a negative timeout."""
        original: Any = super()
        return original.get(block, _not_negative(block, timeout))


def _not_negative(block: bool, timeout: float | None) -> float | None:
    if block and timeout is not None and check_timeout(timeout) < 0:
        raise InvalidArgumentError(f"a timeout must not be negative: {timeout!r}")
    return timeout


class Queue(QueueArguments, queues.Queue):
    """A `broker.Queue`."""


class JoinableQueue(QueueArguments, queues.JoinableQueue):
    """A `broker.JoinableQueue`."""
