"""Sessions: what this process has at a server, and what a forked child does with it."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable

from broker.engine.lease import Lease, LeaseRenewer
from broker.transport.connection import Connection
from broker.transport.wire import WireFactory, wire_factory

REPLY_TIMEOUT = 5.0  # seconds without a reply after which the connection is closed and the request sent again
RENEWAL_TIMEOUT = 1.0  # the same for renewals: a lease of a few seconds must survive a lost packet


class Session:
    """A pool of connections, the leases that this process holds, and the thread that renews them."""

    def __init__(self, open_wire: WireFactory) -> None:
        self.closed = False
        self.contexts: weakref.WeakSet[object] = weakref.WeakSet()  # those that are still open
        self.lease_renewer = LeaseRenewer(lambda: self._connect(RENEWAL_TIMEOUT))
        self._open_wire = open_wire
        self._idle_connections: list[Connection] = []
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._leases: dict[bytes, list[Lease]] = {}

    def acquire_connection(self) -> Connection:
        """Return a connection for the calling thread alone; it goes back with `release_connection`."""
        prepare_request()
        try:
            return self._idle_connections.pop()
        except IndexError:
            return self._connect()

    def release_connection(self, connection: Connection) -> None:
        """Make an acquired connection available to other threads."""
        if self.closed:
            connection.close()
        else:
            self._idle_connections.append(connection)

    def leases(self, key: bytes) -> list[Lease]:
        """Return the leases that this process holds under `key`, oldest first: the list itself, not a copy."""
        return self._leases.setdefault(key, [])

    def close(self) -> None:
        """Stop renewing and close all connections; what this process holds becomes free when its leases expire."""
        self.closed = True
        self.lease_renewer.stop()
        for connection in list(self._connections):
            connection.close()

    def _connect(self, reply_timeout: float = REPLY_TIMEOUT) -> Connection:
        connection = Connection(lambda: self._open_wire(reply_timeout))
        self._connections.add(connection)
        return connection


_before_requests: list[Callable[[], None]] = []


def call_before_requests(function: Callable[[], None]) -> None:
    """Have `function` called before the requests of this process and its forked children, but renewals of leases.

    It is called in any thread, and also by finalizers, so it must not take a lock.
    """
    _before_requests.append(function)


def prepare_request() -> None:
    """Do what is to be done before a request to a server."""
    for function in _before_requests:
        function()


_sessions: dict[str, Session] = {}
_sessions_lock = threading.Lock()  # with two sessions at one URL, neither would know all leases of this process
# Of the process that has forked this one. They are not freed, since that would copy the memory that both share.
_inherited_sessions: list[Session] = []


def get_session(url: str) -> Session:
    """Return this process's session at `url`; create it if there is none."""
    with _sessions_lock:
        session = _sessions.get(url)
        return session if session is not None and not session.closed else register_session(url, wire_factory(url))


def leave_session(url: str, context: object) -> None:
    """Close this process's session at `url`, if there is one and no other context uses it."""
    session = _sessions.get(url)
    if session is not None:
        session.contexts.discard(context)
        if not session.contexts:
            session.close()


def register_session(url: str, open_wire: WireFactory) -> Session:
    """Return a new session that opens its wires with `open_wire`; from now on it is this process's session at `url`."""
    _sessions[url] = session = Session(open_wire)
    return session


def _close_inherited_sessions() -> None:
    global _sessions_lock
    _sessions_lock = threading.Lock()  # another thread may have held it when the parent forked
    for session in _sessions.values():
        session.closed = True
        for connection in list(session._connections):
            connection.close_inherited()
    _inherited_sessions.extend(_sessions.values())
    _sessions.clear()


os.register_at_fork(after_in_child=_close_inherited_sessions)
