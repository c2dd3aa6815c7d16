"""Items: what all kinds of queues have in common.

The rules are in `messages/lua/queue.lua`; this is the client's side: it puts and gets items, and waits if necessary.
"""

from __future__ import annotations

import pickle
import queue
from collections.abc import Sequence
from typing import Any, ClassVar

from broker.engine.arguments import check_count
from broker.engine.handle import INDEX_KEY
from broker.engine.holders import READ_PERMITS, Waiter, parse_waiters
from broker.engine.lease import Holdings
from broker.engine.leased_handle import DEFAULT_LEASE, LeasedHandle, check_lease
from broker.engine.operations import Client, Post, Steps
from broker.engine.request import MICROSECOND, Request
from broker.engine.requests import ask, unexpected
from broker.errors import ServerUnavailableError
from broker.messages.pickling import dumps
from broker.transport.replies import integer
from broker.transport.scripts import BoundScript, PackedKeys, Script

PUT = Script("messages/lua/put.lua", arguments=4)
GET = Script("messages/lua/get.lua", arguments=4)
WITHDRAW_PUT = Script("messages/lua/withdraw_put.lua", arguments=3)
RETURN_ITEM = Script("messages/lua/return_item.lua", arguments=4)
CONFIRM_GET = Script("messages/lua/confirm_get.lua")
COUNT_ITEMS = Script("messages/lua/count_items.lua", arguments=3)

# The server keeps each client's last item, in case the reply is lost; a larger one only until it is confirmed.
KEPT_SIZE = 16384  # bytes, as in messages/lua/queue.lua


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
    __slots__ = ("_closed", "_get_script", "_lease", "_maxsize", "_put_script", "_size")
    _renew_script: BoundScript  # only if items are kept
    _keep: ClassVar[bytes] = b"0"  # 1: an item stays on the server, under its getter's lease, until it is done

    def _configure(self, *, maxsize: int = 0, lease: float = DEFAULT_LEASE) -> None:
        self._maxsize = check_size(maxsize)
        self._lease = check_lease(lease)
        self._closed = False
        self._size = b"%d" % self._maxsize
        keys, fixed = PackedKeys(self._keys[:10]), (0, round(self._lease / MICROSECOND))
        self._put_script = PUT.bind(keys, *fixed, more_keys=INDEX_KEY)
        self._get_script = GET.bind(keys, *fixed, more_keys=INDEX_KEY)

    @property
    def _return_script(self) -> BoundScript:
        return RETURN_ITEM.bind(self._get_script.keys, 0, round(self._lease / MICROSECOND))

    @property
    def _count_script(self) -> BoundScript:
        return COUNT_ITEMS.bind(self._get_script.keys, 0, round(self._lease / MICROSECOND), more_keys=INDEX_KEY)

    @property
    def _withdraw_put_script(self) -> BoundScript:
        return WITHDRAW_PUT.bind(self._get_script.keys, 0, round(self._lease / MICROSECOND))

    @property
    def _confirm_script(self) -> BoundScript:
        return CONFIRM_GET.bind(self._keys[5:7])

    @property
    def _read_script(self) -> BoundScript:
        return READ_PERMITS.bind((*self._keys[:2], *self._keys[7:9]))

    def open(self) -> None:
        """Create it on the server unless it exists; raise `MismatchError` if it exists with another size."""
        self._count()

    def waiters(self) -> list[Waiter]:
        """Return who waits in `get`, the next one first, and then who waits in `put`; this changes nothing.

        A waiter that was killed is listed until it would be the next.
        """
        return self._ask(self._parse_waiters, self._read_script)

    def _parse_waiters(self, permits: Sequence[Any]) -> list[Waiter]:
        _, _, getters, _, putters = permits
        return [*parse_waiters("get", getters), *parse_waiters("put", putters)]

    def close(self) -> None:
        """Close it for this process: a later put or get raises `ValueError`."""
        self._closed = True

    def _put(self, obj: Any, deadline: float) -> None:
        self._check_open()
        payload = self._dumps(obj)
        holdings = self._get_session().holdings
        self._drive(lambda client: self._put_item(holdings, client, payload, deadline))

    def _put_item(self, holdings: Holdings, client: Client, payload: bytes, deadline: float) -> Steps[None]:
        if not (yield from _PutRequest(self, holdings, client, deadline, payload).complete(deadline)):
            raise queue.Full

    def _get(self, deadline: float, retry_until: float | None = None) -> Any:
        self._check_open()
        holdings = self._get_session().holdings
        return self._loads(self._drive(lambda client: self._get_item(holdings, client, deadline, retry_until)))

    def _get_item(
        self, holdings: Holdings, client: Client, deadline: float, retry_until: float | None = None
    ) -> Steps[bytes]:
        request = _GetRequest(self, holdings, client, deadline if retry_until is None else retry_until)
        if not (yield from request.complete(deadline, retry_until)):
            raise queue.Empty
        if len(request.item) > KEPT_SIZE and self._keep == b"0":
            yield Post(self._confirm_script, (request._token,))
        return request.item

    def _dumps(self, obj: Any) -> bytes:
        """Return `obj` as the bytes that are stored on the server."""
        return dumps(obj)

    def _loads(self, item: bytes) -> Any:
        """Return the object from which `_dumps` made `item`."""
        return pickle.loads(item)  # noqa: S301 - as with any queue, the processes that put items are trusted

    def _count(self) -> int:
        """Return the number of items; raise `MismatchError` if the name exists with another size."""
        return self._drive(self._count_items)

    def _count_items(self, client: Client) -> Steps[int]:
        return ask(client, integer, self._count_script, client.new_token(), b"0", self._size)

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"{self!r} is closed")


class _PutRequest(Request):
    def __init__(self, items: Items, holdings: Holdings, client: Client, deadline: float, payload: bytes) -> None:
        super().__init__(items, holdings, client, items._put_script, items._lease, items._size, payload)
        self._items = items
        self._deadline = deadline

    def _undo(self) -> tuple[BoundScript, tuple[bytes, ...]]:
        return self._items._withdraw_put_script, (self._token, b"0", self._items._size)

    def _stays_granted(self, reply: Any) -> bool:
        if reply is None:
            raise ServerUnavailableError("the Redis server did not answer; it is unknown whether the item was put")
        return bool(reply == 1)

    def _on_grant(self, reply: object) -> None:
        pass  # the script has put the item

    def _on_grant_message(self, *_: object) -> Steps[bool]:
        return self.check(self._deadline)  # a slot is reserved: the script puts the item now


class _GetRequest(Request):
    def __init__(self, items: Items, holdings: Holdings, client: Client, deadline: float) -> None:
        super().__init__(items, holdings, client, items._get_script, items._lease, items._size, items._keep)
        self.item = b""
        self._items = items
        self._deadline = deadline

    def _undo(self) -> tuple[BoundScript, tuple[bytes, ...]]:
        return self._items._return_script, (self._token, b"0", *self._arguments)

    def _on_grant(self, item: bytes) -> None:
        if type(item) is not bytes:
            raise unexpected(self._client, item)
        self.item = item
        if self._items._keep == b"1":
            self._hold(self._new_lease(0, self._sent_at, self._sent_at + self._lease, self._items._renew_script))

    def _on_grant_message(self, *_: object) -> Steps[bool]:
        return self.check(self._deadline)  # an item is reserved: the script gets it now


def check_size(maxsize: int) -> int:
    """Return `maxsize`, or 0 if there is no limit; raise `InvalidArgumentError` for what `check_count` refuses."""
    return max(0, check_count(maxsize, "a queue's maxsize"))
