"""The ends of a pipe: the messages sent to an end, and the processes that have it open."""

from __future__ import annotations

import redis

from broker.engine.handle import Handle
from broker.engine.lease import Lease
from broker.engine.request import MICROSECOND
from broker.engine.requests import NONBLOCKING_TIMEOUT, ask
from broker.engine.session import Session
from broker.messages.items import Items
from broker.transport.connection import NEVER
from broker.transport.replies import integer
from broker.transport.scripts import BoundScript, PackedKeys, Script

OPEN_END = Script("messages/lua/open_end.lua")
CLOSE_END = Script("messages/lua/close_end.lua")
REMAINING_OPEN = Script("messages/lua/remaining_open.lua")

END_LEASE = 5.0  # seconds after which a killed process no longer has its end open
FORK_LEASE = 10.0  # seconds within which a forked child must renew the lease that its parent registered for it
CLOSED = b""  # an item that means: the other end may be closed, check it


class EndLease(Lease):
    """Keeps an end open; a renewal after an outage opens it again, since others may have it open, too."""

    __slots__ = ()

    @property
    def has_expired(self) -> bool:
        """Whether it is not to be renewed any more."""
        return self.lost


class Inbox(Items):
    """The messages that were sent to one end and not yet received."""

    _kind = "pipe"

    def _dumps(self, obj: bytes) -> bytes:
        return bytes(obj)

    def _loads(self, item: bytes) -> bytes:
        return item


class EndUsers(Handle):
    """The processes that have one end open, each under a lease."""

    _kind = "end"
    _key_suffixes = ("gone",)
    __slots__ = ("remove_script", "renew_script")

    def _configure(self) -> None:
        keys = PackedKeys(self._keys)
        self.renew_script = OPEN_END.bind(keys, round(END_LEASE / MICROSECOND), 1)
        self.remove_script = CLOSE_END.bind(keys)

    def add(self, lease: float) -> bytes:
        """Add a user whose lease lasts `lease` seconds; return its token."""
        token = self.new_token()
        self._run(self._open_script(lease), token)
        return token

    def add_child(self, token: bytes) -> None:
        """Add a forked child under `token`, until it renews its lease; this does not wait for the server.

        Raises redis-py's errors if it cannot be reached at once.
        """
        session = self._get_session()
        connection = session.acquire_connection()
        try:
            connection.post(self._open_script(FORK_LEASE), (token,), deadline=0.0)
        finally:
            session.release_connection(connection)

    def new_token(self) -> bytes:
        """Return a unique token for a user."""
        session = self._get_session()
        connection = session.acquire_connection()
        try:
            return connection.new_token()
        finally:
            session.release_connection(connection)

    def remove(self, token: bytes) -> int:
        """Remove a user; return how many are left."""
        return self._ask(integer, self.remove_script, token)

    def remaining_open(self, asking: EndUsers, token: bytes, deadline: float = NEVER) -> float:
        """Return for how many seconds the end is certain to stay open; 0 if it has no users.

        `asking` are the users of the other end, and `token` is that of the one who asks.
        """
        script = REMAINING_OPEN.bind((self._key, *asking._keys), round(END_LEASE / MICROSECOND))
        parse = integer
        return self._drive(lambda client: ask(client, parse, script, token, deadline=deadline)) * MICROSECOND

    def _open_script(self, lease: float) -> BoundScript:
        return OPEN_END.bind(self.renew_script.keys, round(lease / MICROSECOND), 0)


def close_end(session: Session, users: EndUsers, lease: Lease, outbox: Inbox | None) -> None:
    """Close an end for this process; notify the other end if no process has it open any more.

    This also runs when an end is garbage-collected, at any point in the program, so it takes no lock and does not
    retry. If it fails, the lease expires.
    """
    if session.closed:
        return
    session.lease_renewer.remove(lease)
    connection = session.acquire_connection()
    deadline = connection.now() + NONBLOCKING_TIMEOUT
    try:
        if connection.execute(users.remove_script, (lease.token,), deadline) == 0 and outbox is not None:
            connection.execute(outbox._put_script, (connection.new_token(), b"0", outbox._size, CLOSED), deadline)
    except (redis.RedisError, OSError):
        pass
    finally:
        session.release_connection(connection)
