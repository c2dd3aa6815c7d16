"""The ends of a pipe: what is on its way to one, and which processes have it open."""

from __future__ import annotations

import redis

from broker.engine.handle import Handle
from broker.engine.lease import Lease
from broker.engine.request import MICROSECOND
from broker.engine.session import Session
from broker.messages.items import Items
from broker.transport.scripts import BoundScript, Script

OPEN_END = Script("messages/lua/open_end.lua")
CLOSE_END = Script("messages/lua/close_end.lua")
REMAINING_OPEN = Script("messages/lua/remaining_open.lua")

LIFE = 5.0  # seconds after which a process that was killed no longer has its end open
FORK = 10.0  # seconds that a forked child has to say that it has the end, too
CLOSED = b""  # an item that says: look whether the other end is still open


class Inbox(Items):
    """What is on its way to one end."""

    _kind = "pipe"

    def _dumps(self, obj: bytes) -> bytes:
        return bytes(obj)

    def _loads(self, item: bytes) -> bytes:
        return item


class Users(Handle):
    """The processes that have one end open."""

    _kind = "end"
    _parts = ("gone",)

    def _configure(self) -> None:
        self.staying = self._stay(LIFE)
        self.departing = CLOSE_END.bind(self._keys, 0)
        self._look = REMAINING_OPEN.bind(self._keys, 0)

    def stay(self, seconds: float) -> bytes:
        """Count as one more for so long, under the token that is returned."""
        token = self.token()
        self._run(self._stay(seconds), token)
        return token

    def announce(self, token: bytes) -> None:
        """Count as one more under `token` until a forked child does so; raise redis-py's errors, and try once."""
        here = self._here()
        connection = here.borrow()
        try:
            connection.run_once(self._stay(FORK), token)
        finally:
            here.give_back(connection)

    def token(self) -> bytes:
        """Return a name that no other use of the end has."""
        here = self._here()
        connection = here.borrow()
        try:
            return connection.new_token()
        finally:
            here.give_back(connection)

    def depart(self, token: bytes) -> int:
        """Count no more; return how many are left."""
        return int(self._run(self.departing, token)[0])

    def certain(self) -> float:
        """Return for how many seconds somebody surely has the end open, 0 if nobody has."""
        return int(self._run(self._look)[0]) * MICROSECOND

    def _stay(self, seconds: float) -> BoundScript:
        return OPEN_END.bind(self._keys, round(seconds / MICROSECOND))


def leave(here: Session, users: Users, lease: Lease, outbox: Inbox | None) -> None:
    """Close an end for this process; tell the other end if that was the last.

    This runs also when an end is forgotten, wherever that may be: so it takes no lock and tries only once. Without it,
    the lease ends by itself.
    """
    if here.closed:
        return
    here.keeper.drop(lease)
    connection = here.borrow()
    try:
        if connection.run_once(users.departing, lease.token) == 0 and outbox is not None:
            connection.run_once(outbox._putting, connection.new_token(), b"0", outbox._size, CLOSED)
    except (redis.RedisError, OSError):
        pass
    finally:
        here.give_back(connection)
