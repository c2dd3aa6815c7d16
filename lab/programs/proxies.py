"""Thin shells around primitives: each does what the thing itself does, and records it."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from lab.programs.recording import record


class Shell:
    """What all recorded primitives share: the thing itself, and its name in the log."""

    def __init__(self, thing: Any, name: str) -> None:
        self._thing = thing
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._thing, attribute)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._thing, self._name)

    def __repr__(self) -> str:
        return repr(self._thing)


class Permits(Shell):
    """A lock or a semaphore."""

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        """Acquire, and record the asking and the outcome."""
        record("asks", self._name)
        if self._thing.acquire(*args, **kwargs):
            record("enters", self._name, fence=getattr(self._thing, "fence", None))
            return True
        record("quits", self._name)
        return False

    def release(self) -> None:
        """Record the leaving, and release."""
        record("leaves", self._name)
        self._thing.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Flag(Shell):
    """An event."""

    def set(self) -> None:
        """Record the setting, and set."""
        record("sets", self._name)
        self._thing.set()

    def clear(self) -> None:
        """Clear, and record it."""
        self._thing.clear()
        record("clears", self._name)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait, and record its beginning and its outcome."""
        record("waits", self._name)
        woken = bool(self._thing.wait(timeout))
        record("wakes" if woken else "quits", self._name)
        return woken


class Channel(Shell):
    """A queue."""

    def put(self, *args: Any, **kwargs: Any) -> None:
        """Put, and record it."""
        self._thing.put(*args, **kwargs)
        record("puts", self._name)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Record the asking, get, and record that."""
        record("asks", self._name)
        item = self._thing.get(*args, **kwargs)
        record("gets", self._name)
        return item

    def put_nowait(self, item: Any) -> None:
        """Put if there is room."""
        self.put(item, False)

    def get_nowait(self) -> Any:
        """Get if there is something."""
        return self.get(False)


class End(Shell):
    """One end of a pipe."""

    def send(self, item: Any) -> None:
        """Send, and record it."""
        self._thing.send(item)
        record("puts", self._name)

    def recv(self) -> Any:
        """Record the asking, receive, and record that."""
        record("asks", self._name)
        item = self._thing.recv()
        record("gets", self._name)
        return item

    def __enter__(self) -> End:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thing.close()


SHELLS: dict[str, tuple[str, type[Shell]]] = {
    "Lock": ("lock", Permits),
    "Semaphore": ("semaphore", Permits),
    "BoundedSemaphore": ("semaphore", Permits),
    "Event": ("event", Flag),
    "Queue": ("queue", Channel),
    "JoinableQueue": ("queue", Channel),
    "SimpleQueue": ("queue", Channel),
    "Pipe": ("pipe", End),
}
