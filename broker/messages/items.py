"""Items: what all kinds of queues have in common.

The rules are in `messages/lua/queue.lua`; this is the client's side: it puts and gets items, and waits if necessary.
"""

from __future__ import annotations

import pickle
import queue
from typing import Any, ClassVar

from broker.engine.handle import INDEX
from broker.engine.holders import READ_PERMITS, Waiter, parse_waiters
from broker.engine.lease import Lease
from broker.engine.leased_handle import DEFAULT_LEASE, LeasedHandle, check_lease
from broker.engine.request import MICROSECOND, Request
from broker.engine.shared_scripts import RELEASE, RENEW
from broker.errors import InvalidArgumentError
from broker.transport.connection import Connection
from broker.transport.scripts import Script

PUT = Script("messages/lua/put.lua", arguments=4)
GET = Script("messages/lua/get.lua", arguments=4)
RETURN_ITEM = Script("messages/lua/return_item.lua", arguments=4)
COUNT_ITEMS = Script("messages/lua/count_items.lua", arguments=3)


class Items(LeasedHandle):
    """A first-in, first-out list of items under a name; processes on any host put and get them."""

    _key_suffixes = (
        "queue",
        "ended",
        "items",
        "taken",
        "past:0",
        "past:1",
        "slots",
        "slots:queue",
        "slots:ended",
        "done",
    )
    _keep: ClassVar[bytes] = b"0"  # 1: an item stays on the server, under its getter's lease, until it is done

    def _configure(self, *, maxsize: int = 0, lease: float = DEFAULT_LEASE) -> None:
        self._maxsize = check_size(maxsize)
        self._lease = check_lease(lease)
        self._closed = False
        self._size = b"%d" % self._maxsize
        fixed = (0, round(lease / MICROSECOND))
        keys, getters, putters = self._keys[:10], self._keys[:3], self._keys[7:10]
        indexed = (*keys, INDEX)
        self._put_script = PUT.bind(indexed, *fixed)
        self._leave_putters_script = RELEASE.bind(putters, self._maxsize, fixed[1])
        self._get_script = GET.bind(indexed, *fixed)
        self._return_script = RETURN_ITEM.bind(keys, *fixed)
        self._count_script = COUNT_ITEMS.bind(indexed, *fixed)
        self._renew_script = RENEW.bind((*getters, INDEX), *fixed)
        self._read_script = READ_PERMITS.bind((*getters[:2], *putters[:2]))

    def open(self) -> None:
        """Create it on the server unless it exists; raise `MismatchError` if it exists with another size."""
        self._count()

    def waiters(self) -> list[Waiter]:
        """Return who waits in `get`, the next one first, and then who waits in `put`; this changes nothing.

        A waiter that was killed is listed until it would be the next.
        """
        _, _, getters, _, putters = self._run(self._read_script)[0]
        return [*parse_waiters("get", getters), *parse_waiters("put", putters)]

    def close(self) -> None:
        """Close it for this process: a later put or get raises `ValueError`."""
        self._closed = True

    def _put(self, obj: Any, deadline: float) -> None:
        self._check_open()
        payload = self._dumps(obj)
        session = self._get_session()
        connection = session.acquire_connection()
        try:
            if not _PutRequest(self, connection, deadline, payload).complete(deadline):
                raise queue.Full
        finally:
            session.release_connection(connection)

    def _get(self, deadline: float) -> Any:
        self._check_open()
        session = self._get_session()
        connection = session.acquire_connection()
        try:
            request = _GetRequest(self, connection, deadline)
            if not request.complete(deadline):
                raise queue.Empty
        finally:
            session.release_connection(connection)
        if request.lease is not None:
            self._held_leases().append(request.lease)
            session.lease_renewer.add(request.lease)
        return self._loads(request.item)

    def _dumps(self, obj: Any) -> bytes:
        """Return `obj` as the bytes that are stored on the server."""
        return pickle.dumps(obj)

    def _loads(self, item: bytes) -> Any:
        """Return the object from which `_dumps` made `item`."""
        return pickle.loads(item)  # noqa: S301 - as with any queue, the processes that put items are trusted

    def _count(self) -> int:
        """Return the number of items; raise `MismatchError` if the name exists with another size."""
        session = self._get_session()
        connection = session.acquire_connection()
        try:
            return int(self._run_on(connection, self._count_script, connection.new_token(), b"0", self._size)[0])
        finally:
            session.release_connection(connection)

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"{self!r} is closed")


class _PutRequest(Request):
    def __init__(self, items: Items, connection: Connection, deadline: float, payload: bytes) -> None:
        super().__init__(items, connection, items._put_script, items._lease, items._size, payload)
        self._items = items
        self._deadline = deadline

    def _on_grant(self, reply: object) -> None:
        pass  # the script has put the item

    def _on_grant_message(self, *_: object) -> bool:
        return self.check(self._deadline)  # a slot is reserved: the script puts the item now

    def _cancel(self) -> None:
        self._connection.run_once(self._items._leave_putters_script, self._token)


class _GetRequest(Request):
    def __init__(self, items: Items, connection: Connection, deadline: float) -> None:
        super().__init__(items, connection, items._get_script, items._lease, items._size, items._keep)
        self.item = b""
        self.lease: Lease | None = None
        self._items = items
        self._deadline = deadline

    def _on_grant(self, item: bytes) -> None:
        self.item = item
        if self._items._keep == b"1":
            self.lease = Lease(self._token, 0, self._lease, self._sent_at + self._lease, self._items._renew_script)

    def _on_grant_message(self, *_: object) -> bool:
        return self.check(self._deadline)  # an item is reserved: the script gets it now

    def _cancel(self) -> None:
        self._connection.run_once(self._items._return_script, self._token, b"0", *self._arguments)


def check_size(maxsize: int) -> int:
    """Return `maxsize`, or 0 if there is no limit; raise `InvalidArgumentError` if it is not an integer."""
    if not isinstance(maxsize, int) or isinstance(maxsize, bool):
        raise InvalidArgumentError(f"a queue's maxsize must be an integer, or 0 for no limit, not {maxsize!r}")
    return max(0, maxsize)
