"""Sessions: what this process has at a server, and what a forked child does with it."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from broker.engine.blocking import ask, drive
from broker.engine.lease import Holdings
from broker.engine.lease_renewer import LeaseRenewer
from broker.engine.operations import Client, Steps
from broker.engine.requests import run
from broker.transport.address import split_keeper
from broker.transport.connection import Connection
from broker.transport.scripts import BoundScript, Command
from broker.transport.wire import WireFactory, wire_factory

REPLY_TIMEOUT = 5.0  # seconds without a reply after which the connection is closed and the request sent again
RENEWAL_TIMEOUT = 1.0  # the same for renewals: a lease of a few seconds must survive a lost packet
MAX_DELETIONS = 16  # primitives that are deleted with one request
MAX_IDLE_CONNECTIONS = 32  # a connection that no thread uses is closed if there are so many

T = TypeVar("T")


class Session:
    """A pool of connections, the leases that this process holds, and the thread that renews them."""

    def __init__(self, open_wire: WireFactory, reply_timeout: float = REPLY_TIMEOUT) -> None:
        self.closed = False
        self.contexts: weakref.WeakSet[object] = weakref.WeakSet()  # those that are still open
        self.lease_renewer = LeaseRenewer(lambda: self._connect(RENEWAL_TIMEOUT))
        self.holdings = Holdings(self.lease_renewer, threading.get_ident)
        self._open_wire = open_wire
        self._reply_timeout = reply_timeout
        self._idle_connections: list[Connection] = []
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._deletions: deque[BoundScript] = deque()  # to be carried out

    def run(self, steps: Callable[[Client], Steps[T]]) -> T:
        """Drive the steps that are made for a connection of the pool, and return what they return."""
        connection = self.acquire_connection()
        try:
            return drive(steps(connection), connection)
        finally:
            self.release_connection(connection)

    def ask(
        self, parse: Callable[[Any], T], script: BoundScript | Command, arguments: tuple[bytes, ...], has_token: bool
    ) -> T:
        """Run a script as `requests.ask` does; with `has_token`, a new token comes before the arguments."""
        connection = self.acquire_connection()
        try:
            if has_token:
                arguments = (connection.new_token(), *arguments)
            return ask(connection, parse, script, arguments)
        finally:
            self.release_connection(connection)

    def acquire_connection(self) -> Connection:
        """Return a connection for the calling thread alone; it goes back with `release_connection`."""
        if _before_requests:
            prepare_request()
        try:
            connection = self._idle_connections.pop()
        except IndexError:
            return self._connect()
        if self._deletions:
            self._send_deletions(connection)
        return connection

    def release_connection(self, connection: Connection) -> None:
        """Make an acquired connection available to other threads."""
        if self.closed or connection.is_retired or len(self._idle_connections) >= MAX_IDLE_CONNECTIONS:
            connection.close()
        else:
            self._idle_connections.append(connection)

    def drop(self, key: bytes, deletion: BoundScript) -> None:
        """Have the primitive of this key deleted with one of the next requests: nobody can use it any more.

        Finalizers call this in any thread at any point of the program, so it takes no lock and sends no request.
        """
        self.holdings.drop_all(key)
        self._deletions.append(deletion)

    def delete_dropped(self, others: Iterable[BoundScript] = ()) -> None:
        """Delete what was dropped, and others; raise `ServerUnavailableError` if the server cannot be reached."""
        for deletion in [*others, *drain(self._deletions)]:
            self.run(partial(_delete, deletion))

    def _send_deletions(self, connection: Connection) -> None:
        # No reply is waited for, and no socket is opened: this must not delay the request that follows.
        for deletion in itertools.islice(drain(self._deletions), MAX_DELETIONS):
            if connection.is_connected:
                connection.post(deletion, (connection.new_token(),))
            if not connection.is_connected:
                self._deletions.append(deletion)  # it can be sent twice
                return

    def close(self) -> None:
        """Stop renewing and close all connections; what this process holds becomes free when its leases expire."""
        self.closed = True
        self.lease_renewer.stop()
        for connection in list(self._connections):
            connection.close()

    def _connect(self, reply_timeout: float | None = None) -> Connection:
        connection = Connection(self._open_wire, reply_timeout or self._reply_timeout)
        self._connections.add(connection)
        return connection


def drain(items: deque[T]) -> Iterator[T]:
    """Remove and yield items, also while other threads and finalizers add some."""
    with contextlib.suppress(IndexError):
        while True:
            yield items.popleft()


def _delete(deletion: BoundScript, client: Client) -> Steps[tuple[Any, bool]]:
    return run(client, deletion, client.new_token(), deadline=0.0)


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
    """Return this process's session at `url`; create it if there is none, and from now on use the keeper of `url`."""
    address, keeper = split_keeper(url)
    with _sessions_lock:
        session = _sessions.get(address)
        if session is None or session.closed:
            session = register_session(address, wire_factory(address))
        if keeper == "process":
            session.lease_renewer.use_keeper(address)
        return session


def existing_session(url: str) -> Session | None:
    """Return this process's session at `url`, if there is one."""
    return _sessions.get(split_keeper(url)[0])


def leave_session(url: str, context: object) -> None:
    """Close this process's session at `url`, if there is one and no other context uses it."""
    session = existing_session(url)
    if session is not None:
        session.contexts.discard(context)
        if not session.contexts:
            session.close()


def register_session(url: str, open_wire: WireFactory, reply_timeout: float = REPLY_TIMEOUT) -> Session:
    """Return a new session that opens its wires with `open_wire`; from now on it is this process's session at `url`."""
    _sessions[url] = session = Session(open_wire, reply_timeout)
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
