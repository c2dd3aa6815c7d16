"""The classes behind multiprocessing's names of primitives, where they are Redis-backed.

They take the arguments of multiprocessing's own, and have the same relations: a program can subclass them, and name
them in `isinstance` and in annotations.
"""

from __future__ import annotations

import multiprocessing
from abc import ABC
from multiprocessing import connection, synchronize
from multiprocessing.context import BaseContext
from types import GenericAlias
from typing import Any, ClassVar

import broker
from broker.engine.handle import Handle
from lab.programs import providers
from lab.programs.unsupported import LOCAL_ONLY, refuse
from lab.programs.warning import warn_once


class Created:
    """Mixin: creates a primitive in the calling process's context, as multiprocessing's class does in `ctx`."""

    name: Any = None  # multiprocessing's have none, so a subclass may use it
    __class_getitem__: ClassVar[Any] = classmethod(GenericAlias)

    def __init__(self, *args: Any, ctx: BaseContext | None = None, **kwargs: Any) -> None:  # noqa: ARG002
        super().__init__(*args, context=providers.current_context(), **kwargs)  # type: ignore[call-arg]


class Lock(Created, broker.Lock):
    """`multiprocessing.Lock`."""


class Semaphore(Created, broker.Semaphore):
    """`multiprocessing.Semaphore`."""


class BoundedSemaphore(Semaphore, broker.BoundedSemaphore):
    """`multiprocessing.BoundedSemaphore`."""


class Event(Created, broker.Event):
    """`multiprocessing.Event`."""


class SimpleQueue(Created, broker.SimpleQueue):
    """`multiprocessing.SimpleQueue`."""


class Queue(Created, broker.Queue):
    """`multiprocessing.Queue`."""


class JoinableQueue(Queue, broker.JoinableQueue):
    """`multiprocessing.JoinableQueue`."""


class Connection(ABC):  # noqa: B024 - for `isinstance`
    """`multiprocessing.connection.Connection`: also the end of a pipe over Redis is an instance of it."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return one of multiprocessing's own, for a file descriptor."""
        return connection.Connection(*args, **kwargs)


Connection.register(connection.Connection)
Connection.register(broker.PipeConnection)


class _LocalOnly:
    """Mixin: multiprocessing's own class, which follows in the bases; its first use prints that it is that."""

    _standard_name: ClassVar[str]

    def __init__(self, *args: Any, ctx: BaseContext | None = None, **kwargs: Any) -> None:
        warn_once(LOCAL_ONLY.format(self._standard_name))
        method = None if ctx is None else ctx.get_start_method()
        super().__init__(*args, ctx=multiprocessing.get_context(method), **kwargs)  # type: ignore[call-arg]


class RLock(_LocalOnly, synchronize.RLock):
    """`multiprocessing.RLock`."""

    _standard_name = "RLock"


class Condition(_LocalOnly, synchronize.Condition):
    """`multiprocessing.Condition`."""

    _standard_name = "Condition"

    def __init__(self, lock: Any = None, *, ctx: BaseContext | None = None) -> None:
        if isinstance(lock, Handle):
            refuse(
                "Condition is not Redis-backed under lab run, and multiprocessing's own cannot use a Redis-backed "
                "Lock; call Condition() without a lock, import both from broker, or run the program --on local"
            )
        super().__init__(lock, ctx=ctx)


class Barrier(_LocalOnly, synchronize.Barrier):
    """`multiprocessing.Barrier`."""

    _standard_name = "Barrier"


LOCKS = {each.__name__: each for each in (Lock, Semaphore, BoundedSemaphore, Event)}
QUEUES = {each.__name__: each for each in (SimpleQueue, Queue, JoinableQueue)}
CONNECTION = {"Connection": Connection}
ONLY_LOCAL = {each.__name__: each for each in (RLock, Condition, Barrier)}
