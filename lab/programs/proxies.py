"""Recording proxies of primitives: each does what its primitive does, and records it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing.synchronize import Condition
from types import TracebackType
from typing import Any

from broker import BrokerError, LeaseLostError
from lab.programs.recording import record


class RecordingProxy:
    """Base class of the proxies: wraps a primitive, which has a name in the trace."""

    _lock_name: str | None = None  # of what a wait releases

    def __init__(self, primitive: Any, name: str) -> None:
        self._primitive = primitive
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._primitive, attribute)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._primitive)  # for `isinstance`

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._primitive, self._name)

    def __repr__(self) -> str:
        return repr(self._primitive)

    def _wait(self, what: str, unlimited: bool, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Record `what`, and return what `operation` returns; record `gives up` if it raises.

        A wait that is not unlimited has the value 0.
        """
        record(what, self._name, value=None if unlimited else 0, why=self._lock_name)
        try:
            return operation(*args, **kwargs)
        except BaseException:
            record("gives up", self._name)
            raise


def is_proxy(primitive: object) -> bool:
    """Return whether this is a proxy; `isinstance` would ask what its primitive is."""
    return issubclass(type(primitive), RecordingProxy)


def primitive_of(argument: Any) -> Any:
    """Return the primitive of a proxy; anything else as it is."""
    return argument._primitive if is_proxy(argument) else argument


def _unlimited(*args: Any, **kwargs: Any) -> bool:
    """Return whether a call with these arguments, `block` (or `blocking`) and `timeout`, may wait forever."""
    block = args[0] if args else kwargs.get("block", kwargs.get("blocking", True))
    timeout = args[1] if len(args) > 1 else kwargs.get("timeout")
    return bool(block) and timeout in (None, -1)  # -1 is none with a manager's locks; with others, it does not wait


def limit_of(kind: str, *args: Any, **kwargs: Any) -> int | None:
    """Return how many permits or items there are at most in a primitive that was created with these arguments.

    For a barrier, return how many processes it waits for.
    """
    if kind == "lock":
        return 1
    if kind == "semaphore":
        return int(args[0] if args else kwargs.get("value", 1))
    if kind == "barrier":
        return int(args[0] if args else kwargs["parties"])
    size = int(args[0] if args else kwargs.get("maxsize", 0)) if kind == "queue" else 0
    return size if size > 0 else None


# How often each thread holds a lock or a semaphore, by process, thread and name: a program may have several proxies of
# one lock, and a forked child inherits this, but no lock.
_depths: dict[tuple[int, int, str], int] = {}


class PermitsProxy(RecordingProxy):
    """Records a lock or a semaphore."""

    @property
    def depth(self) -> int:
        """How often this thread has acquired it and not released it."""
        return _depths.get(self._holder, 0)

    @depth.setter
    def depth(self, depth: int) -> None:
        if depth > 0:
            _depths[self._holder] = depth
        else:
            _depths.pop(self._holder, None)

    @property
    def _holder(self) -> tuple[int, int, str]:
        return os.getpid(), threading.get_ident(), self._name

    @property
    def _fence(self) -> int | None:
        fence: int | None = getattr(self._primitive, "fence", None)
        return fence

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        """Acquire; record the request before and the outcome after it."""
        acquired = self._wait("requests", _unlimited(*args, **kwargs), self._primitive.acquire, *args, **kwargs)
        if acquired:
            record("enters", self._name, fence=self._fence)
            self.depth += 1
        else:
            record("times out", self._name)
        return bool(acquired)

    def release(self) -> None:
        """Record the release, and then release."""
        fence = self._fence
        record("leaves", self._name)
        self.depth -= 1
        try:
            self._primitive.release()
        except LeaseLostError as error:
            record("loses lease", self._name, fence=fence, why=str(error))
            raise

    @contextmanager
    def released(self) -> Iterator[None]:
        """Record that this thread does not hold it during the block, which releases it and acquires it again."""
        depth, fence = self.depth, self._fence
        if not depth:  # the block refuses
            yield
            return
        record("leaves", self._name)
        self.depth = 0
        try:
            yield
        except BrokerError as error:
            record("loses lease", self._name, fence=fence, why=str(error))
            raise
        except BaseException:
            self._enter_again(depth)
            raise
        self._enter_again(depth)

    def _enter_again(self, depth: int) -> None:
        record("enters", self._name, fence=self._fence)
        self.depth = depth

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class RLockProxy(PermitsProxy):
    """Records a lock that its owner may acquire again: when the owner enters, and leaves."""

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        """Acquire; record it unless the caller is the owner already."""
        if not self.depth:
            return super().acquire(*args, **kwargs)
        acquired = bool(self._primitive.acquire(*args, **kwargs))
        self.depth += acquired
        return acquired

    def release(self) -> None:
        """Release; record it before if the caller will not be the owner any more."""
        if self.depth == 1:
            super().release()
            return
        try:
            self._primitive.release()
        finally:  # also a level of a lease that was lost is released
            self.depth -= 1


class _WaitProxy(RecordingProxy):
    """Records waits for something that another process does."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait; record the call before and the outcome after it."""
        done = bool(self._wait("waits", timeout is None, self._primitive.wait, timeout))
        record("wakes" if done else "times out", self._name)
        return done


class ConditionProxy(_WaitProxy):
    """Records a condition; its lock has a proxy of its own, unless it is one that is not recorded."""

    def __init__(self, primitive: Any, name: str, lock: Any) -> None:
        super().__init__(primitive, name)
        self._lock = lock
        self._lock_name = lock._name if is_proxy(lock) else None

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._primitive, self._name, self._lock)

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        """Acquire the lock."""
        return bool(self._lock.acquire(*args, **kwargs))

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait; record also that the lock is released meanwhile."""
        with self._lock.released() if is_proxy(self._lock) else nullcontext():
            return super().wait(timeout)

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        """Wait until `predicate` is true; record each wait for a notification."""
        return Condition.wait_for(self, predicate, timeout)  # type: ignore[arg-type]

    def notify(self, n: int = 1) -> None:
        """Record the call, and then notify."""
        record("notifies", self._name, value=n)
        self._primitive.notify(n)

    def notify_all(self) -> None:
        """Record the call, and then notify all that wait."""
        record("notifies", self._name)
        self._primitive.notify_all()

    def __enter__(self) -> bool:
        return bool(self._lock.__enter__())

    def __exit__(self, *raised: Any) -> None:
        self._lock.__exit__(*raised)


class BarrierProxy(RecordingProxy):
    """Records a barrier."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait; record the call before and this party's number after it."""
        unlimited = timeout is None and getattr(self._primitive, "_timeout", None) is None
        number = int(self._wait("waits", unlimited, self._primitive.wait, timeout))
        record("wakes", self._name, value=number)
        return number


class EventProxy(_WaitProxy):
    """Records an event."""

    def set(self) -> None:
        """Record the call, and then set."""
        record("sets", self._name)
        self._primitive.set()

    def clear(self) -> None:
        """Clear, and then record it."""
        self._primitive.clear()
        record("clears", self._name)


class QueueProxy(RecordingProxy):
    """Records a queue."""

    def put(self, *args: Any, **kwargs: Any) -> None:
        """Put; record the call before and the item's departure after it."""
        self._wait("begins put", _unlimited(*args[1:], **kwargs), self._primitive.put, *args, **kwargs)
        record("puts", self._name)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Get; record the request before and the item's arrival after it."""
        item = self._wait("requests", _unlimited(*args, **kwargs), self._primitive.get, *args, **kwargs)
        record("gets", self._name)
        return item

    def put_nowait(self, item: Any) -> None:
        """Put without waiting."""
        self.put(item, False)

    def get_nowait(self) -> Any:
        """Get without waiting."""
        return self.get(False)


class ConnectionProxy(RecordingProxy):
    """Records one end of a pipe."""

    def send(self, item: Any) -> None:
        """Send; record the call before and the item's departure after it."""
        self._wait("begins put", True, self._primitive.send, item)
        record("puts", self._name)

    def recv(self) -> Any:
        """Receive; record the request before and the item's arrival after it."""
        item = self._wait("requests", True, self._primitive.recv)
        record("gets", self._name)
        return item

    def __enter__(self) -> ConnectionProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._primitive.close()
