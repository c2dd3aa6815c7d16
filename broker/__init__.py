"""multiprocessing's primitives over Redis, from locks and queues to values and managers, for processes on any hosts.

`from broker import Event, Lock, Process, Semaphore` makes them in a default context, as multiprocessing does;
`get_context(url)` makes a context for another server, and `Lock(context=…)` a lock in it.
"""

from multiprocessing import Process

from broker.context import Context, get_context
from broker.engine.holders import Holder, Waiter
from broker.engine.owner import set_default_owner
from broker.errors import (
    ArgumentTypeError,
    BrokenBarrierError,
    BrokerError,
    DataLostError,
    InvalidArgumentError,
    LeaseLostError,
    ManagerLostError,
    MismatchError,
    NotHeldError,
    NotOwnedError,
    ServerUnavailableError,
    UnsuitableServerError,
    UnsupportedError,
)
from broker.liveness.board import Board
from broker.liveness.heartbeat import Heartbeat
from broker.locks.barrier import Barrier
from broker.locks.condition import Condition
from broker.locks.event import Event
from broker.locks.lock import Lock
from broker.locks.rlock import RLock
from broker.locks.semaphore import BoundedSemaphore, Semaphore
from broker.messages.pipe import PipeConnection
from broker.messages.queues import JoinableQueue, Queue, SimpleQueue
from broker.overview.primitives import PrimitiveInfo

_default = Context()
set_default_owner(_default)
Manager = _default.Manager
Pipe = _default.Pipe
Pool = _default.Pool
RawArray = _default.RawArray
RawValue = _default.RawValue
Array = _default.Array
Value = _default.Value

__all__ = [
    "ArgumentTypeError",
    "Array",
    "Barrier",
    "Board",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "BrokerError",
    "Condition",
    "Context",
    "DataLostError",
    "Event",
    "Heartbeat",
    "Holder",
    "InvalidArgumentError",
    "JoinableQueue",
    "LeaseLostError",
    "Lock",
    "Manager",
    "ManagerLostError",
    "MismatchError",
    "NotHeldError",
    "NotOwnedError",
    "Pipe",
    "PipeConnection",
    "Pool",
    "PrimitiveInfo",
    "Process",
    "Queue",
    "RLock",
    "RawArray",
    "RawValue",
    "Semaphore",
    "ServerUnavailableError",
    "SimpleQueue",
    "UnsuitableServerError",
    "UnsupportedError",
    "Value",
    "Waiter",
    "get_context",
]
