"""Recording proxies of primitives: each does what its primitive does, and records it."""

from __future__ import annotations

from types import TracebackType
from typing import Any

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


class PermitsProxy(RecordingProxy):
    """Records a lock or a semaphore."""

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        """Acquire; record the request before and the outcome after it."""
        record("requests", self._name)
        if self._primitive.acquire(*args, **kwargs):
            record("enters", self._name, fence=getattr(self._primitive, "fence", None))
            return True
        record("times out", self._name)
        return False

    def release(self) -> None:
        """Record the release, and then release."""
        record("leaves", self._name)
        self._primitive.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class EventProxy(RecordingProxy):
    """Records an event."""

    def set(self) -> None:
        """Record the call, and then set."""
        record("sets", self._name)
        self._primitive.set()

    def clear(self) -> None:
        """Clear, and then record it."""
        self._primitive.clear()
        record("clears", self._name)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait; record the call before and the outcome after it."""
        record("waits", self._name)
        was_set = bool(self._primitive.wait(timeout))
        record("wakes" if was_set else "times out", self._name)
        return was_set


class QueueProxy(RecordingProxy):
    """Records a queue."""

    def put(self, *args: Any, **kwargs: Any) -> None:
        """Put, and then record it."""
        self._primitive.put(*args, **kwargs)
        record("puts", self._name)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Get; record the request before and the item's arrival after it."""
        record("requests", self._name)
        item = self._primitive.get(*args, **kwargs)
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
        """Send, and then record it."""
        self._primitive.send(item)
        record("puts", self._name)

    def recv(self) -> Any:
        """Receive; record the request before and the item's arrival after it."""
        record("requests", self._name)
        item = self._primitive.recv()
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
    "Semaphore": ("semaphore", PermitsProxy),
    "BoundedSemaphore": ("semaphore", PermitsProxy),
    "Event": ("event", EventProxy),
    "Queue": ("queue", QueueProxy),
    "JoinableQueue": ("queue", QueueProxy),
    "SimpleQueue": ("queue", QueueProxy),
    "Pipe": ("pipe", ConnectionProxy),
}
