"""Queues for processes on any number of hosts."""

from __future__ import annotations

from typing import Any

from broker.engine.leased_handle import LEASE
from broker.engine.owner import Owner
from broker.engine.waiting import deadline_of
from broker.engine.watch import watch
from broker.errors import NotHeldError
from broker.messages.items import Items
from broker.transport.connection import NEVER
from broker.transport.scripts import Script

TASK_DONE = Script("messages/lua/task_done.lua")
READ_UNFINISHED = Script("messages/lua/read_unfinished.lua")


class SimpleQueue(Items):
    """`multiprocessing.SimpleQueue` over Redis: processes anywhere put things in, and each thing is got once.

    They come out in the order in which they went in, and who has waited longest gets the next. What a killed process
    had got is lost, as with multiprocessing; what it only waited for is not.
    """

    _kind = "simple"

    def __init__(self, name: str | None = None, *, context: Owner | None = None) -> None:
        super().__init__(name, context=context)

    def put(self, obj: Any) -> None:
        """Put `obj` in; on return it is there for everybody."""
        self._put(obj, NEVER)

    def get(self) -> Any:
        """Return the oldest item; wait until there is one."""
        return self._get(NEVER)

    def empty(self) -> bool:
        """Return whether there is no item now."""
        return self._count() == 0


class Queue(Items):
    """`multiprocessing.Queue` over Redis: a queue of at most `maxsize` items, or of any number if that is 0.

    As `SimpleQueue`, with time-outs; `put` waits while the queue is full. There is no feeder thread: what was put is
    there for everybody, in the order in which processes put it. The same name with another size raises
    `MismatchError` where it is opened.
    """

    _kind = "queue"

    def __init__(self, maxsize: int = 0, *, name: str | None = None, context: Owner | None = None) -> None:
        super().__init__(name, context=context, maxsize=maxsize)
        if name is not None:
            self.open()

    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put `obj` in, waiting for room `timeout` seconds at most; raise `queue.Full` if there was none.

        Raises `ServerUnavailableError` if the server does not tell in time whether there was.
        """
        self._put(obj, deadline_of(block, timeout))

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Return the oldest item, waiting for one `timeout` seconds at most; raise `queue.Empty` if there was none.

        Raises `ServerUnavailableError` if the server does not tell in time whether there was.
        """
        return self._get(deadline_of(block, timeout))

    def put_nowait(self, obj: Any) -> None:
        """Put `obj` in now, or raise `queue.Full`."""
        self.put(obj, block=False)

    def get_nowait(self) -> Any:
        """Return the oldest item now, or raise `queue.Empty`."""
        return self.get(block=False)

    def qsize(self) -> int:
        """Return how many items there are now."""
        return self._count()

    def empty(self) -> bool:
        """Return whether there is no item now."""
        return self._count() == 0

    def full(self) -> bool:
        """Return whether there is no room now."""
        return 0 < self._maxsize <= self._count()

    def join_thread(self) -> None:
        """Do nothing: what was put is on the server already."""

    def cancel_join_thread(self) -> None:
        """Do nothing: what was put is on the server already."""


class JoinableQueue(Queue):
    """`multiprocessing.JoinableQueue` over Redis: an item is its getter's until `task_done`, under a lease.

    If the getter is killed, the item goes to another when the lease of `lease` seconds ends: a task may be done
    twice, but is never lost.
    """

    _kind = "joinable"
    _keep = b"1"
    _order = 1
    _loss = "task_done(); another may have got the item"

    def __init__(
        self, maxsize: int = 0, *, name: str | None = None, lease: float = LEASE, context: Owner | None = None
    ) -> None:
        super(Queue, self).__init__(name, context=context, maxsize=maxsize, lease=lease)
        if name is not None:
            self.open()

    def _configure(self, *, maxsize: int = 0, lease: float = LEASE) -> None:
        super()._configure(maxsize=maxsize, lease=lease)
        self._done = TASK_DONE.bind(self._keys, 0, 0)
        self._idle = READ_UNFINISHED.bind((self._key, self._keys[-1]))

    def task_done(self) -> None:
        """Say that the item which this thread got first, or else another of this process, is done.

        Raises `NotHeldError`, a `ValueError`, if this process has none, `LeaseLostError` if its lease ended before.
        """
        if not self._give_back(self._done):
            raise NotHeldError("task_done() called too many times")

    def join(self) -> None:
        """Block until every item that was put is done."""
        watch(self, self._idle, self._keys[-1], None)
