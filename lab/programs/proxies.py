"""Recording proxies of primitives: each does what its primitive does, and records it."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.synchronize import Condition
from types import TracebackType
from typing import Any

from broker import LeaseLostError
from lab.programs.recording import record


class RecordingProxy:
    """Base class of the proxies: wraps a primitive, which has a name in the trace."""

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
        record(what, self._name, value=None if unlimited else 0)
        try:
            return operation(*args, **kwargs)
        except BaseException:
            record("gives up", self._name)
            raise


def _unlimited(*args: Any, **kwargs: Any) -> bool:
    """Return whether a call with these arguments, `block` and `timeout`, may wait for ever."""
    block = args[0] if args else kwargs.get("block", True)
    timeout = args[1] if len(args) > 1 else kwargs.get("timeout")
    return bool(block) and timeout is None


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


class PermitsProxy(RecordingProxy):
    """Records a lock or a semaphore."""

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        """Acquire; record the request before and the outcome after it."""
        acquired = self._wait("requests", _unlimited(*args, **kwargs), self._primitive.acquire, *args, **kwargs)
        if acquired:
            record("enters", self._name, fence=getattr(self._primitive, "fence", None))
        else:
            record("times out", self._name)
        return bool(acquired)

    def release(self) -> None:
        """Record the release, and then release."""
        fence = getattr(self._primitive, "fence", None)
        record("leaves", self._name)
        try:
            self._primitive.release()
        except LeaseLostError as error:
            record("loses lease", self._name, fence=fence, why=str(error))
            raise

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class RLockProxy(PermitsProxy):
    """Records a lock of multiprocessing's that its owner may acquire again: when the owner enters, and leaves."""

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        """Acquire; record it unless the caller is the owner already."""
        if self._primitive._semlock._is_mine():
            return bool(self._primitive.acquire(*args, **kwargs))
        return super().acquire(*args, **kwargs)

    def release(self) -> None:
        """Release; record it before if the caller will not be the owner any more."""
        if self._primitive._semlock._is_mine() and self._primitive._semlock._count() == 1:
            super().release()
        else:
            self._primitive.release()


class _WaitProxy(RecordingProxy):
    """Records waits for something that another process does."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait; record the call before and the outcome after it."""
        done = bool(self._wait("waits", timeout is None, self._primitive.wait, timeout))
        record("wakes" if done else "times out", self._name)
        return done


class ConditionProxy(_WaitProxy):
    """Records a condition of multiprocessing's; its lock has a proxy of its own."""

    def __init__(self, primitive: Any, name: str) -> None:
        super().__init__(primitive, name)
        if not issubclass(type(primitive._lock), RecordingProxy):
            lock_name = f"lock of {name}"
            record("creates", lock_name, why="lock", value=1)
            primitive._lock = RLockProxy(primitive._lock, lock_name)
            primitive._make_methods()

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        """Wait until `predicate` is true; record each wait for a notification."""
        return Condition.wait_for(self, predicate, timeout)  # type: ignore[arg-type]

    def __enter__(self) -> bool:
        return bool(self._primitive.__enter__())

    def __exit__(self, *raised: Any) -> None:
        self._primitive.__exit__(*raised)


class BarrierProxy(RecordingProxy):
    """Records a barrier of multiprocessing's."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait; record the call before and the outcome after it."""
        unlimited = timeout is None and self._primitive._timeout is None
        position = int(self._wait("waits", unlimited, self._primitive.wait, timeout))
        record("wakes", self._name)
        return position


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


# By the name of multiprocessing's factory: the kind of primitive in the trace, and its proxy.
PROXIES: dict[str, tuple[str, type[RecordingProxy]]] = {
    "Lock": ("lock", PermitsProxy),
    "RLock": ("lock", RLockProxy),
    "Semaphore": ("semaphore", PermitsProxy),
    "BoundedSemaphore": ("semaphore", PermitsProxy),
    "Condition": ("condition", ConditionProxy),
    "Barrier": ("barrier", BarrierProxy),
    "Event": ("event", EventProxy),
    "Queue": ("queue", QueueProxy),
    "JoinableQueue": ("queue", QueueProxy),
    "SimpleQueue": ("queue", QueueProxy),
    "Pipe": ("pipe", ConnectionProxy),
}
