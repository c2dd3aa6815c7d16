"""The part of multiprocessing's contexts that exercises use, as protocols; see multiprocessing's documentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Process(Protocol):
    """A child process, a job, or a task of a pool."""

    name: str

    def start(self) -> None:
        """Start it."""

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, `timeout` seconds at most."""

    @property
    def exitcode(self) -> int | None:
        """None until it has ended, and 0 if it succeeded."""


class Daemon(Process, Protocol):
    """A process that the lab terminates after the others have ended."""

    daemon: bool

    def terminate(self) -> None:
        """Terminate it."""


class Permits(Protocol):
    """A lock or a semaphore."""

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Acquire a permit; return False if the time is up."""

    def release(self) -> None:
        """Release a permit."""

    def __enter__(self) -> bool: ...

    def __exit__(self, kind: Any, error: Any, trace: Any, /) -> None: ...


class Event(Protocol):
    """A flag that processes can wait for."""

    def is_set(self) -> bool:
        """Return whether the flag is set."""

    def set(self) -> None:
        """Set the flag and wake all waiters."""

    def clear(self) -> None:
        """Clear the flag."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set; return False if the time is up."""


class Condition(Protocol):
    """A lock whose holders can wait until another one notifies them."""

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Acquire the lock."""

    def release(self) -> None:
        """Release the lock."""

    def __enter__(self) -> bool: ...

    def __exit__(self, kind: Any, error: Any, trace: Any, /) -> None: ...

    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock, wait for a notification, and acquire the lock again; return False if the time is up."""

    def notify_all(self) -> None:
        """Wake all that wait."""


class Barrier(Protocol):
    """Where a fixed number of processes wait for each other."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until all have arrived; return a different number in each; raise `threading.BrokenBarrierError`."""


class Value(Protocol):
    """A number in shared memory, or on a server, with a lock."""

    value: int

    def get_lock(self) -> Permits:
        """Return the lock."""

    def get_obj(self) -> Any:
        """Return the number without the lock."""


class SimpleQueue(Protocol):
    """A queue with the most basic operations only."""

    def put(self, obj: Any) -> None:
        """Put an object into the queue."""

    def get(self) -> Any:
        """Wait for an object and remove it."""

    def empty(self) -> bool:
        """Return whether the queue is empty."""


class Queue(Protocol):
    """A queue."""

    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an object into the queue; raise `queue.Full` if there was no room in time."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Wait for an object and remove it; raise `queue.Empty` if there was none in time."""


class JoinableQueue(Queue, Protocol):
    """A queue that counts unfinished items."""

    def task_done(self) -> None:
        """Mark one item as finished."""

    def join(self) -> None:
        """Wait until all items are finished."""


class Connection(Protocol):
    """One end of a pipe."""

    def send(self, obj: Any) -> None:
        """Send an object to the other end."""

    def recv(self) -> Any:
        """Wait for an object; raise `EOFError` if the other end is closed."""

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Wait for at most `timeout` seconds; return whether there is something to receive."""

    def close(self) -> None:
        """Close this end."""


class Result(Protocol):
    """The result of a pool's task."""

    def ready(self) -> bool:
        """Return whether the task has ended."""

    def successful(self) -> bool:
        """Return whether it has ended without an exception."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the task has ended, `timeout` seconds at most."""

    def get(self, timeout: float | None = None) -> Any:
        """Wait until the task has ended, and return its result."""


class Pool(AbstractContextManager["Pool", None], Protocol):
    """A number of processes that run tasks; leaving the `with` block terminates them."""

    def apply_async(self, func: Callable[..., Any], args: Sequence[Any] = (), kwds: Mapping[str, Any] = ...) -> Result:
        """Submit a task."""


class Context(Protocol):
    """Creates primitives and processes."""

    @property
    def Process(self) -> type[Any]:  # noqa: N802
        """The class of the processes."""

    def Lock(self) -> Permits:  # noqa: N802
        """Return a lock."""

    def RLock(self) -> Permits:  # noqa: N802
        """Return a lock that its owner can acquire again."""

    def Semaphore(self, value: int = 1) -> Permits:  # noqa: N802
        """Return a semaphore."""

    def Event(self) -> Event:  # noqa: N802
        """Return an event."""

    def Condition(self) -> Condition:  # noqa: N802
        """Return a condition with a lock of its own."""

    def Barrier(self, parties: int) -> Barrier:  # noqa: N802
        """Return a barrier for so many processes."""

    def Value(self, typecode_or_type: Any, *args: Any, lock: Any = True) -> Any:  # noqa: N802
        """Return a shared number with a lock; without one if `lock` is False."""

    def Array(self, typecode_or_type: Any, size_or_initializer: Any, *, lock: Any = True) -> Any:  # noqa: N802
        """Return a shared array with a lock; without one if `lock` is False."""

    def SimpleQueue(self) -> SimpleQueue:  # noqa: N802
        """Return a simple queue."""

    def Queue(self, maxsize: int = 0) -> Queue:  # noqa: N802
        """Return a queue for at most `maxsize` objects; 0 means no limit."""

    def JoinableQueue(self, maxsize: int = 0) -> JoinableQueue:  # noqa: N802
        """Return a joinable queue."""

    def Pipe(self, duplex: bool = True) -> tuple[Connection, Connection]:  # noqa: N802
        """Return the two ends of a pipe; without `duplex`, the first only receives and the second only sends."""

    def Pool(self, processes: int | None = None) -> Any:  # noqa: N802
        """Return a pool of this many processes."""
