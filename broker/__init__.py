"""multiprocessing's primitives over Redis: locks, semaphores and events for processes on any number of hosts.

    from broker import Event, Lock, Process, Semaphore        # a default context, as multiprocessing has one
    context = broker.get_context("redis://db.example:6379")   # or one of your own
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

__all__ = [
    "BoundedSemaphore",
    "BrokerError",
    "Context",
    "Event",
    "InvalidArgumentError",
    "LeaseLostError",
    "Lock",
    "MismatchError",
    "NotHeldError",
    "Process",
    "Semaphore",
    "ServerUnavailableError",
    "UnsuitableServerError",
    "get_context",
]
