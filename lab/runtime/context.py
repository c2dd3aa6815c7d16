"""The part of multiprocessing's contexts that exercises are written against; see multiprocessing's documentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Process(Protocol):
    """A child process, a job, or a task of a pool."""

    name: str

    def start(self) -> None:
        """Begin."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end, `timeout` seconds at most."""

    @property
    def exitcode(self) -> int | None:
        """None until it has ended, and 0 if it ended well."""


class Daemon(Process, Protocol):
    """A process that the lab ends when the others have ended."""

    daemon: bool

    def terminate(self) -> None:
        """End it."""


class Permits(Protocol):
    """A lock or a semaphore."""

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take a permit; return whether there was one in time."""

    def release(self) -> None:
        """Give a permit back."""

    def __enter__(self) -> bool: ...

    def __exit__(self, kind: Any, error: Any, trace: Any, /) -> None: ...


class Event(Protocol):
    """A flag to wait for."""

    def is_set(self) -> bool:
        """Return whether the flag is set."""

    def set(self) -> None:
        """Set the flag and wake all who wait."""

    def clear(self) -> None:
        """Clear the flag."""

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the flag is set; return whether it was in time."""


class SimpleQueue(Protocol):
    """A queue with the least that a queue needs."""

    def put(self, obj: Any) -> None:
        """Put an object in."""

    def get(self) -> Any:
        """Wait for an object and take it out."""

    def empty(self) -> bool:
        """Return whether there is nothing to get."""


class Queue(Protocol):
    """A queue."""

    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an object in; raise `queue.Full` if there was no room in time."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Wait for an object and take it out; raise `queue.Empty` if there was none in time."""


class JoinableQueue(Queue, Protocol):
    """A queue that knows whether all that was put in is done."""

    def task_done(self) -> None:
        """Say that one object taken out is done."""

    def join(self) -> None:
        """Wait until all objects are done."""


class Connection(Protocol):
    """An end of a pipe."""

    def send(self, obj: Any) -> None:
        """Send an object to the other end."""

    def recv(self) -> Any:
        """Wait for an object; raise `EOFError` if none can come any more."""

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Return whether there is something to receive in time."""

    def close(self) -> None:
        """Say that this end is not needed any more."""


class Result(Protocol):
    """What will come of a pool's task."""

    def ready(self) -> bool:
        """Return whether the task has ended."""

    def successful(self) -> bool:
        """Return whether it has ended without an exception."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait for its end, `timeout` seconds at most."""

    def get(self, timeout: float | None = None) -> Any:
        """Wait for its end and return what it returned."""


class Pool(AbstractContextManager["Pool", None], Protocol):
    """So many processes that work off tasks; leaving the `with` block ends them."""

    def apply_async(self, func: Callable[..., Any], args: Sequence[Any] = (), kwds: Mapping[str, Any] = ...) -> Result:
        """Hand in a task."""


class Context(Protocol):
    """Where primitives and processes come from."""

    @property
    def Process(self) -> type[Any]:  # noqa: N802
        """The class of the processes."""

    def Lock(self) -> Permits:  # noqa: N802
        """Return a lock."""

    def Semaphore(self, value: int = 1) -> Permits:  # noqa: N802
        """Return a semaphore."""

    def Event(self) -> Event:  # noqa: N802
        """Return an event."""

    def SimpleQueue(self) -> SimpleQueue:  # noqa: N802
        """Return a simple queue."""

    def Queue(self, maxsize: int = 0) -> Queue:  # noqa: N802
        """Return a queue for `maxsize` objects; 0 for any number."""

    def JoinableQueue(self, maxsize: int = 0) -> JoinableQueue:  # noqa: N802
        """Return a joinable queue."""

    def Pipe(self, duplex: bool = True) -> tuple[Connection, Connection]:  # noqa: N802
        """Return the two ends of a pipe; without `duplex`, the first one receives and the second one sends."""

    def Pool(self, processes: int | None = None) -> Any:  # noqa: N802
        """Return a pool of so many processes."""
