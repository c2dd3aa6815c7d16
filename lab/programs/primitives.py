"""The classes behind multiprocessing's names of primitives, where they are Redis-backed.

They take the arguments of multiprocessing's own, and have the same relations: a program can subclass them, and name
them in `isinstance` and in annotations.
"""

from __future__ import annotations

from abc import ABC
from multiprocessing import connection
from multiprocessing.context import BaseContext
from types import GenericAlias
from typing import Any, ClassVar

import broker
from lab.programs import providers


class Created:
    """Mixin: creates a primitive in the calling process's context, as multiprocessing's class does in `ctx`."""

    name: Any = None  # multiprocessing's have none, so a subclass may use it
    __class_getitem__: ClassVar[Any] = classmethod(GenericAlias)

    def __init__(self, *args: Any, ctx: BaseContext | None = None, **kwargs: Any) -> None:  # noqa: ARG002
        super().__init__(*args, context=providers.current_context(), **kwargs)  # type: ignore[call-arg]


class Leased(Created):
    """Mixin: creates a primitive that can be held, for as long as the provider says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, lease=providers.current_lease(), **kwargs)


class Lock(Leased, broker.Lock):
    """`multiprocessing.Lock`."""


class RLock(Leased, broker.RLock):
    """`multiprocessing.RLock`."""


class Semaphore(Leased, broker.Semaphore):
    """`multiprocessing.Semaphore`."""


class BoundedSemaphore(Semaphore, broker.BoundedSemaphore):
    """`multiprocessing.BoundedSemaphore`."""


class Condition(Created, broker.Condition):
    """`multiprocessing.Condition`."""

    def __init__(self, lock: Any = None, *, ctx: BaseContext | None = None) -> None:
        super().__init__(RLock() if lock is None else lock, ctx=ctx)


class Barrier(Leased, broker.Barrier):
    """`multiprocessing.Barrier`."""


class Event(Created, broker.Event):
    """`multiprocessing.Event`."""


class SimpleQueue(Created, broker.SimpleQueue):
    """`multiprocessing.SimpleQueue`."""


class Queue(Created, broker.Queue):
    """`multiprocessing.Queue`."""


class JoinableQueue(Leased, Queue, broker.JoinableQueue):
    """`multiprocessing.JoinableQueue`."""


class Connection(ABC):  # noqa: B024 - for `isinstance`
    """`multiprocessing.connection.Connection`: also the end of a pipe over Redis is an instance of it."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return one of multiprocessing's own, for a file descriptor."""
        return connection.Connection(*args, **kwargs)


Connection.register(connection.Connection)
Connection.register(broker.PipeConnection)


def Pipe(duplex: bool = True) -> tuple[broker.PipeConnection, broker.PipeConnection]:  # noqa: N802
    """Return both ends of a new pipe of the calling process's context: `multiprocessing.Pipe`."""
    ends: tuple[broker.PipeConnection, broker.PipeConnection] = providers.current_context().Pipe(duplex)
    return ends


LOCKS = {each.__name__: each for each in (Lock, RLock, Semaphore, BoundedSemaphore, Condition, Barrier, Event)}
QUEUES = {each.__name__: each for each in (SimpleQueue, Queue, JoinableQueue)}
PIPES = {"Connection": Connection, "Pipe": Pipe}
