"""Sessions: all that one process has at one server, and what becomes of it when the process forks."""

from __future__ import annotations

import os
import threading
import weakref

from broker.engine.lease import Keeper, Lease
from broker.transport.connection import Connection
from broker.transport.wire import WireFactory, wire_factory

REPLY_TIMEOUT = 5.0  # seconds without a reply after which a connection is given up and the request sent again
RENEWAL_TIMEOUT = 1.0  # the same for the daemon that renews: a lease of a few seconds must survive a lost packet


class Session:
    """Idle connections, the leases that this process holds, and the daemon that renews them."""

    def __init__(self, open_wire: WireFactory) -> None:
        self.closed = False
        self.users: weakref.WeakSet[object] = weakref.WeakSet()  # the contexts that are still open
        self.keeper = Keeper(lambda: self._open(RENEWAL_TIMEOUT))
        self._open_wire = open_wire
        self._idle: list[Connection] = []
        self._all: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._held: dict[bytes, list[Lease]] = {}

    def borrow(self) -> Connection:
        """Return a connection for the calling thread alone; give it back with `give_back`."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._open()

    def give_back(self, connection: Connection) -> None:
        """Let other threads use a borrowed connection."""
        if self.closed:
            connection.close()
        else:
            self._idle.append(connection)

    def held(self, key: bytes) -> list[Lease]:
        """Return the list of leases that this process holds under `key`, oldest first; it is the list itself."""
        return self._held.setdefault(key, [])

    def _open(self, reply_timeout: float = REPLY_TIMEOUT) -> Connection:
        connection = Connection(lambda: self._open_wire(reply_timeout))
        self._all.add(connection)
        return connection

    def close(self) -> None:
        """Renew nothing any more and close every connection; what is held comes back when its lease ends."""
        self.closed = True
        self.keeper.stop()
        for connection in list(self._all):
            connection.close()


_sessions: dict[str, Session] = {}
_making = threading.Lock()  # two sessions at one URL would each miss what the other one's threads hold


def session(url: str) -> Session:
    """Return this process's session at `url`."""
    with _making:
        found = _sessions.get(url)
        return found if found is not None and not found.closed else register(url, wire_factory(url))


def leave(url: str, user: object) -> None:
    """Close this process's session at `url`, if there is one, unless somebody else uses it."""
    found = _sessions.get(url)
    if found is not None:
        found.users.discard(user)
        if not found.users:
            found.close()


def register(url: str, open_wire: WireFactory) -> Session:
    """Make `url` mean the server that `open_wire` reaches, in this process, and return the new session there."""
    _sessions[url] = made = Session(open_wire)
    return made


def _forget_parent() -> None:
    global _making
    _making = threading.Lock()  # another thread of the parent may have had it
    for inherited in _sessions.values():
        inherited.closed = True
        for connection in list(inherited._all):
            connection.close()
    _sessions.clear()


os.register_at_fork(after_in_child=_forget_parent)
