"""The ends of a pipe: the messages sent to an end, and the processes that have it open."""

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

END_LEASE = 5.0  # seconds after which a killed process no longer has its end open
FORK_LEASE = 10.0  # seconds within which a forked child must renew the lease that its parent registered for it
CLOSED = b""  # an item that means: the other end may be closed, check it


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

    def _configure(self) -> None:
        self.renew_script = self._open_script(END_LEASE)
        self.remove_script = CLOSE_END.bind(self._keys, 0)
        self._remaining_script = REMAINING_OPEN.bind(self._keys, 0)

    def add(self, lease: float) -> bytes:
        """Add a user whose lease lasts `lease` seconds; return its token."""
        token = self.new_token()
        self._run(self._open_script(lease), token)
        return token

    def add_child(self, token: bytes) -> None:
        """Add a forked child under `token`, until it renews its lease; raise redis-py's errors, without retries."""
        session = self._get_session()
        connection = session.acquire_connection()
        try:
            connection.run_once(self._open_script(FORK_LEASE), token)
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
        return int(self._run(self.remove_script, token)[0])

    def remaining_open(self) -> float:
        """Return for how many seconds the end is certain to stay open; 0 if it has no users."""
        return int(self._run(self._remaining_script)[0]) * MICROSECOND

    def _open_script(self, lease: float) -> BoundScript:
        return OPEN_END.bind(self._keys, round(lease / MICROSECOND))


def close_end(session: Session, users: EndUsers, lease: Lease, outbox: Inbox | None) -> None:
    """Close an end for this process; notify the other end if no process has it open any more.

    This also runs when an end is garbage-collected, at any point in the program, so it takes no lock and does not
    retry. If it fails, the lease expires.
    """
    if session.closed:
        return
    session.lease_renewer.remove(lease)
    connection = session.acquire_connection()
    try:
        if connection.run_once(users.remove_script, lease.token) == 0 and outbox is not None:
            connection.run_once(outbox._put_script, connection.new_token(), b"0", outbox._size, CLOSED)
    except (redis.RedisError, OSError):
        pass
    finally:
        session.release_connection(connection)
