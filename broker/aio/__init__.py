"""asyncio's primitives over Redis: the broker's locks, barriers, events, queues … for the tasks of an event loop.

    async with broker.aio.get_context(url) as ctx:
        async with ctx.Lock(name="tickets"):
            ...

A name is the same primitive here and in `broker`. All tasks of a loop share two connections.
"""

from broker.aio.barrier import Barrier, BrokenBarrierError
from broker.aio.condition import Condition
from broker.aio.context import Context, get_context
from broker.aio.event import Event
from broker.aio.locks import BoundedSemaphore, Lock, RLock, Semaphore
from broker.aio.queues import JoinableQueue, Queue, QueueEmpty, QueueFull, SimpleQueue
from broker.aio.values import Array, Value

__all__ = [
    "Array",
    "Barrier",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "Condition",
    "Context",
    "Event",
    "JoinableQueue",
    "Lock",
    "Queue",
    "QueueEmpty",
    "QueueFull",
    "RLock",
    "Semaphore",
    "SimpleQueue",
    "Value",
    "get_context",
]
