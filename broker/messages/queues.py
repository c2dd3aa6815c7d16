"""Queues for processes on any number of hosts."""

from __future__ import annotations

from typing import Any

from broker.engine.flag_wait import wait_for_flag
from broker.engine.handle import INDEX_KEY
from broker.engine.holders import Holder, read_holders
from broker.engine.lease import Holdings
from broker.engine.leased_handle import DEFAULT_LEASE
from broker.engine.operations import Client, Steps
from broker.engine.owner import Owner
from broker.engine.request import MICROSECOND
from broker.engine.shared_scripts import RENEW
from broker.engine.waiting import deadline_of
from broker.errors import NotHeldError
from broker.messages.items import Items
from broker.transport.connection import NEVER
from broker.transport.scripts import BoundScript, PackedKeys, Script

TASK_DONE = Script("messages/lua/task_done.lua")
WITHDRAW_TASK = Script("messages/lua/withdraw_task.lua")
READ_UNFINISHED = Script("messages/lua/read_unfinished.lua")


class SimpleQueue(Items):
    """`multiprocessing.SimpleQueue` over Redis: processes on any host put and get items; each item is got once.

    Items are got in the order in which they were put, and waiting getters get them in order of arrival. An item is lost
    only if a process is killed after it got the item, as with multiprocessing.
    """

    _kind = "simple"

    def __init__(self, name: str | None = None, *, context: Owner | None = None) -> None:
        super().__init__(name, context=context)

    def put(self, obj: Any) -> None:
        """Put `obj`; on return, every process can get it."""
        self._put(obj, NEVER)

    def get(self) -> Any:
        """Remove and return the oldest item; wait until there is one."""
        return self._get(NEVER)

    def empty(self) -> bool:
        """Return whether there is no item now; raise `OSError` if this process has closed it."""
        if self._closed:
            raise OSError(f"{self!r} is closed")
        return self._count() == 0


class Queue(Items):
    """`multiprocessing.Queue` over Redis: a queue of at most `maxsize` items, or without a limit if that is 0.

    Like `SimpleQueue`, but with timeouts, and `put` waits while the queue is full. There is no feeder thread: when
    `put` returns, every process can get the item. The same name with another `maxsize` raises `MismatchError`.
    """

    _kind = "queue"

    def __init__(self, maxsize: int = 0, *, name: str | None = None, context: Owner | None = None) -> None:
        super().__init__(name, context=context, maxsize=maxsize)
        if name is not None:
            self.open()

    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put `obj`; wait for a free slot for at most `timeout` seconds, and raise `queue.Full` if there is none.

        Raises `ServerUnavailableError` if the server does not answer in time.
        """
        self._put(obj, deadline_of(block, timeout))

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Remove and return the oldest item; wait at most `timeout` seconds, and raise `queue.Empty` if there is none.

        Raises `ServerUnavailableError` if the server does not answer in time.
        """
        return self._get(deadline_of(block, timeout))

    def put_nowait(self, obj: Any) -> None:
        """Put `obj` without waiting; raise `queue.Full` if there is no free slot."""
        self.put(obj, block=False)

    def get_nowait(self) -> Any:
        """Remove and return the oldest item without waiting; raise `queue.Empty` if there is none."""
        return self.get(block=False)

    def qsize(self) -> int:
        """Return how many items there are now."""
        return self._count()

    def empty(self) -> bool:
        """Return whether there is no item now."""
        return self._count() == 0

    def full(self) -> bool:
        """Return whether there is no free slot now."""
        return self._is_full(self._count())

    def _is_full(self, items: int) -> bool:
        return 0 < self._maxsize <= items

    def join_thread(self) -> None:
        """Do nothing: there is no feeder thread."""

    def cancel_join_thread(self) -> None:
        """Do nothing: there is no feeder thread."""


class JoinableQueue(Queue):
    """`multiprocessing.JoinableQueue` over Redis: a getter holds an item under a lease until `task_done`.

    If the getter is killed, another one gets the item when the lease of `lease` seconds expires. So an item is never
    lost, but may be processed twice.
    """

    _kind = "joinable"
    __slots__ = ("_done_script", "_renew_script")
    _keep = b"1"
    _release_order = 1
    _expired_message = "expired before task_done(); another process may have got the item"

    def __init__(
        self, maxsize: int = 0, *, name: str | None = None, lease: float = DEFAULT_LEASE, context: Owner | None = None
    ) -> None:
        super(Queue, self).__init__(name, context=context, maxsize=maxsize, lease=lease)
        if name is not None:
            self.open()

    def _configure(self, *, maxsize: int = 0, lease: float = DEFAULT_LEASE) -> None:
        super()._configure(maxsize=maxsize, lease=lease)
        self._renew_script = RENEW.bind(self._keys[:3], 0, round(self._lease / MICROSECOND), more_keys=INDEX_KEY)
        self._done_script = TASK_DONE.bind(self._put_script.keys, 0, 0, more_keys=PackedKeys(self._keys[10:]))

    @property
    def _withdrawal(self) -> BoundScript:
        return WITHDRAW_TASK.bind(self._put_script.keys, 0, 0, more_keys=PackedKeys(self._keys[10:]))

    def task_done(self) -> None:
        """Mark the item that this thread got first as done, or one of another thread of this process.

        Raises `NotHeldError` (a `ValueError`) if this process has no unfinished item, and `LeaseLostError` if the lease
        expired before.
        """
        holdings = self._get_session().holdings
        self._drive(lambda client: self._complete_item(holdings, client))

    def _complete_item(self, holdings: Holdings, client: Client) -> Steps[None]:
        if not (yield from self._release(holdings, client, self._done_script, self._release_order)):
            raise NotHeldError("task_done() called too many times")

    def holders(self) -> list[Holder]:
        """Return who holds an item that is not done, once for each item; this changes nothing.

        A holder that was killed is listed until its lease expires, and a waiter as soon as an item is reserved for it.
        """
        return self._ask(read_holders, self._read_script)

    def join(self) -> None:
        """Block until all items are done."""
        self._drive(self._wait_until_done)

    def _wait_until_done(self, client: Client, timeout: float | None = None) -> Steps[bool]:
        done = self._keys[-1]
        return wait_for_flag(client, READ_UNFINISHED.bind((self._key, done)), done, timeout)
