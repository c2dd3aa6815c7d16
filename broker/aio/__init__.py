"""asyncio's primitives over Redis: the broker's locks, semaphores, events and queues for the tasks of an event loop.

    async with broker.aio.get_context(url) as ctx:
        async with ctx.Lock(name="tickets"):
            ...

A name is the same primitive here and in `broker`. All tasks of a loop share two connections.
"""

from broker.aio.context import Context, get_context
from broker.aio.event import Event
from broker.aio.locks import BoundedSemaphore, Lock, Semaphore
from broker.aio.queues import JoinableQueue, Queue, QueueEmpty, QueueFull, SimpleQueue

__all__ = [
    "BoundedSemaphore",
    "Context",
    "Event",
    "JoinableQueue",
    "Lock",
    "Queue",
    "QueueEmpty",
    "QueueFull",
    "Semaphore",
    "SimpleQueue",
    "get_context",
]
