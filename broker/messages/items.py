"""Items: what the kinds of queues have in common.

The rules stand in `messages/lua/queue.lua`; here a process puts and gets, and waits where it must.
"""

from __future__ import annotations

import pickle
import queue
from typing import Any, ClassVar

from broker.engine.lease import Lease
from broker.engine.leased_handle import LEASE, Holder, check_lease
from broker.engine.request import MICROSECOND, Request
from broker.engine.shared_scripts import RELEASE, RENEW
from broker.errors import InvalidArgumentError
from broker.transport.connection import Connection
from broker.transport.scripts import Script

PUT = Script("messages/lua/put.lua", arguments=4)
GET = Script("messages/lua/get.lua", arguments=4)
RETURN_ITEM = Script("messages/lua/return_item.lua", arguments=4)
COUNT_ITEMS = Script("messages/lua/count_items.lua", arguments=3)


class Items(Holder):
    """Items under a name, which processes anywhere put in at one end and get at the other."""

    _parts = ("queue", "ended", "items", "taken", "past:0", "past:1", "slots", "slots:queue", "slots:ended", "done")
    _keep: ClassVar[bytes] = b"0"  # 1: an item stays under its getter's lease until it is done

    def _configure(self, *, maxsize: int = 0, lease: float = LEASE) -> None:
        self._maxsize = check_size(maxsize)
        self._seconds = check_lease(lease)
        self._closed = False
        self._size = b"%d" % self._maxsize
        fixed = (0, round(lease / MICROSECOND))
        keys, permits, slots = self._keys[:10], self._keys[:3], self._keys[7:10]
        self._putting = PUT.bind(keys, *fixed)
        self._leaving = RELEASE.bind(slots, self._maxsize, fixed[1])
        self._getting = GET.bind(keys, *fixed)
        self._ungetting = RETURN_ITEM.bind(keys, *fixed)
        self._opening = COUNT_ITEMS.bind(keys, *fixed)
        self._renewing = RENEW.bind(permits, *fixed)

    def open(self) -> None:
        """Make it known on the server; raise `MismatchError` if the name has another size."""
        self._count()

    def close(self) -> None:
        """Use it no more in this process: a later put or get raises `ValueError`."""
        self._closed = True

    def _put(self, obj: Any, deadline: float) -> None:
        self._check_open()
        payload = self._dumps(obj)
        here = self._here()
        connection = here.borrow()
        try:
            if not _Put(self, connection, deadline, payload).obtain(deadline):
                raise queue.Full
        finally:
            here.give_back(connection)

    def _get(self, deadline: float) -> Any:
        self._check_open()
        here = self._here()
        connection = here.borrow()
        try:
            get = _Get(self, connection, deadline)
            if not get.obtain(deadline):
                raise queue.Empty
        finally:
            here.give_back(connection)
        if get.lease is not None:
            self._leases().append(get.lease)
            here.keeper.add(get.lease)
        return self._loads(get.item)

    def _dumps(self, obj: Any) -> bytes:
        """Return what stands for `obj` on the server."""
        return pickle.dumps(obj)

    def _loads(self, item: bytes) -> Any:
        """Return what `_dumps` was given."""
        return pickle.loads(item)  # noqa: S301 - as with any queue, whoever puts is trusted

    def _count(self) -> int:
        """Return the number of items; raise `MismatchError` if the name has another size."""
        here = self._here()
        connection = here.borrow()
        try:
            return int(self._ask(connection, self._opening, connection.new_token(), b"0", self._size)[0])
        finally:
            here.give_back(connection)

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"{self!r} is closed")


class _Put(Request):
    """One wish to put an item."""

    def __init__(self, items: Items, connection: Connection, deadline: float, payload: bytes) -> None:
        super().__init__(items, connection, items._putting, items._seconds, items._size, payload)
        self._items = items
        self._deadline = deadline

    def _take(self, reply: object) -> None:
        pass  # the item is there

    def _told(self, *_: object) -> bool:
        return self.ask(self._deadline)

    def _withdraw(self) -> None:
        self._connection.run_once(self._items._leaving, self._token)


class _Get(Request):
    """One wish to get an item."""

    def __init__(self, items: Items, connection: Connection, deadline: float) -> None:
        super().__init__(items, connection, items._getting, items._seconds, items._size, items._keep)
        self.item = b""
        self.lease: Lease | None = None
        self._items = items
        self._deadline = deadline

    def _take(self, reply: bytes) -> None:
        self.item = reply
        if self._items._keep == b"1":
            seconds = self._items._seconds
            self.lease = Lease(self._token, 0, seconds, self._asked + seconds, self._items._renewing)

    def _told(self, *_: object) -> bool:
        return self.ask(self._deadline)

    def _withdraw(self) -> None:
        self._connection.run_once(self._items._ungetting, self._token, b"0", *self._more)


def check_size(maxsize: int) -> int:
    """Return `maxsize`, or 0 for no limit; raise `InvalidArgumentError` if it is no whole number."""
    if not isinstance(maxsize, int) or isinstance(maxsize, bool):
        raise InvalidArgumentError(f"a queue's size is a whole number of items, or 0 for any, not {maxsize!r}")
    return max(0, maxsize)
