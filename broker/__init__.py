"""multiprocessing's primitives over Redis: locks, semaphores and events for processes on any number of hosts.

`from broker import Event, Lock, Process, Semaphore` takes them from a default context, as multiprocessing does;
`get_context(url)` makes a context for a server of one's own.
"""

from broker.context import Context, get_context
from broker.errors import (
    BrokerError,
    InvalidArgumentError,
    LeaseLostError,
    MismatchError,
    NotHeldError,
    ServerUnavailableError,
    UnsuitableServerError,
)

_default = Context()
Process = _default.Process
Lock = _default.Lock
Semaphore = _default.Semaphore
BoundedSemaphore = _default.BoundedSemaphore
Event = _default.Event
Pipe = _default.Pipe
SimpleQueue = _default.SimpleQueue
Queue = _default.Queue
JoinableQueue = _default.JoinableQueue
Board = _default.Board
Heartbeat = _default.Heartbeat

__all__ = [
    "Board",
    "BoundedSemaphore",
    "BrokerError",
    "Context",
    "Event",
    "Heartbeat",
    "InvalidArgumentError",
    "JoinableQueue",
    "LeaseLostError",
    "Lock",
    "MismatchError",
    "NotHeldError",
    "Pipe",
    "Process",
    "Queue",
    "Semaphore",
    "ServerUnavailableError",
    "SimpleQueue",
    "UnsuitableServerError",
    "get_context",
]
