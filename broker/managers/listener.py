"""What multiprocessing's managers use instead of sockets: a listener under a name, and a pipe for each connection.

Importing this makes it one of multiprocessing's serializers, under the name `SERIALIZER`.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import math
import pickle
import queue
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import managers, util
from multiprocessing.connection import answer_challenge, deliver_challenge
from typing import Any, TypeVar

import redis

from broker.errors import BrokerError, ManagerLostError, NotHeldError, ServerUnavailableError
from broker.managers.address import LEASE, ManagerAddress
from broker.managers.disposal import disposal
from broker.messages.pipe import PipeConnection
from broker.messages.pipe_ends import EndUsers
from broker.transport.connection import NEVER

SERIALIZER = "broker"
ACCEPT_LEASE = 60.0  # seconds within which a busy process must accept a connection
RETRY_DELAY = 0.2  # seconds until it is asked for connections again after an error
FAIL_FAST = 5.0  # seconds after it was unavailable, within which a server counts as unavailable to new connections
CLIENT, SERVER = 0, 1  # the ends of a connection

T = TypeVar("T")


class ListenerClosedError(Exception):
    """Raised by `accept` of a listener that is closed; no `OSError`, after which multiprocessing's server goes on."""


class Listener:
    """Accepts connections under an address, as `multiprocessing.connection.Listener`.

    The process that serves an address holds its lock, so there is one at a time.
    """

    def __init__(self, address: ManagerAddress, backlog: int = 1) -> None:  # noqa: ARG002 - as multiprocessing's
        self.address = address
        self._lock = address.lock()
        self._requests = address.requests()
        self._connections: set[AcceptedConnection] = set()  # that are open
        self._closed = False
        self._holding = threading.Lock()  # so that what is acquired again is released by `close`
        if not self._lock.acquire(timeout=2 * LEASE):  # a killed process holds it for a lease
            raise OSError(errno.EADDRINUSE, f"another process serves the manager at {address}")

    def accept(self) -> AcceptedConnection:
        """Wait for the next connection, also while the server refuses to say whether there is one.

        Raises `ListenerClosedError` if the listener is closed: at once, or within `LEASE` seconds if it is waiting.
        """
        while True:
            try:
                if not self._holds_address():
                    continue
                request = self._requests._get(time.monotonic() + LEASE)
                if self._lock.held:
                    return AcceptedConnection(self.address, self._connections, *pickle.loads(request))  # noqa: S301 - as with any pipe
                self._requests._put(request, NEVER)  # for the process that serves the address by now
            except queue.Empty:
                pass
            except (BrokerError, redis.RedisError):  # its memory is full, for instance
                time.sleep(RETRY_DELAY)

    def close(self) -> None:
        """Make the address free, and close the connections."""
        self._closed = True
        with self._holding, contextlib.suppress(BrokerError):  # then the lock is free after its lease
            self._lock.release()
        with contextlib.suppress(BrokerError):
            if self.address.given is None:  # nobody else will serve it
                self._lock.delete()
                self._requests.delete()
        for connection in list(self._connections):
            connection.end()

    def _holds_address(self) -> bool:
        """Return whether this process has the lock; acquire it again if it was lost (a pause, lost data)."""
        with self._holding:
            if self._closed:
                raise ListenerClosedError
            if self._lock.held:
                return True
            with contextlib.suppress(NotHeldError):
                self._lock.release()
            return self._lock.acquire(timeout=RETRY_DELAY)


class AcceptedConnection:
    """The end of a connection in the process that serves an address.

    If the server has failed, `recv` raises `EOFError`, and `send` closes it: else multiprocessing's server would send
    one message more, and the client would get it as the reply to its next call.
    """

    def __init__(self, address: ManagerAddress, others: set[AcceptedConnection], name: str, token: bytes) -> None:
        self._end = address.end_type(address.url, name, SERVER, True, True)
        self._end._users.remove(token)
        self._closing = threading.Lock()
        self._open_ones = others
        others.add(self)

    def send(self, obj: Any) -> None:
        """Send an object."""
        self.send_bytes(self._end._dumps(obj))

    def send_bytes(self, buf: bytes) -> None:
        """Send bytes as one message."""
        try:
            self._end.send_bytes(buf)
        except BaseException:  # it may have been sent
            self.end()
            raise

    def recv(self) -> Any:
        """Wait for the next object."""
        return pickle.loads(self.recv_bytes())  # noqa: S301 - as with any pipe

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """Wait for the next message."""
        try:
            return self._end.recv_bytes(maxlength)
        except (BrokerError, queue.Empty) as error:  # the latter if `end` is called meanwhile
            raise EOFError from error

    def close(self) -> None:
        """Wait until the client has closed its end, as it does when it has read the reply; then close this one."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                self.recv_bytes()
        self.end()

    def end(self) -> None:
        """Close it at once; if another thread does so, return when it is closed: the process may end then."""
        with self._closing:
            _close_end(self._end)
        self._open_ones.discard(self)


class ClientConnection:
    """The end of a connection in a client; its methods raise `ManagerLostError` if the other process has ended.

    A call that has failed closes it: else the next one could get its reply. The next one opens it again.
    """

    def __init__(self, address: ManagerAddress, authkey: bytes | None) -> None:
        self._address = address
        self._authkey = authkey
        self._lock = address.lock()
        self._open()

    def send(self, obj: Any) -> None:
        """Send an object."""
        if self._is_closed:
            self._open()
            managers.dispatch(self, None, "accept_connection", (threading.current_thread().name,))  # type: ignore[attr-defined]
        with self._closing():
            self._end.send(obj)

    def send_bytes(self, buf: bytes) -> None:
        """Send bytes as one message."""
        with self._closing():
            self._end.send_bytes(buf)

    def recv(self) -> Any:
        """Wait for the next object."""
        return self._wait_for(lambda: self._end.recv())

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """Wait for the next message."""
        return self._wait_for(lambda: self._end.recv_bytes(maxlength))

    def close(self) -> None:
        """Close it, in the thread for finalizers, which call this, too."""
        self._is_closed = True
        self._close()

    def _open(self) -> None:
        self._fence = self._read_fence()
        if self._fence is None:
            raise ManagerLostError(
                f"no process serves the manager at {self._address}: it has ended, or was not started, or no class was "
                "registered when the manager was started"
            )
        name, address = uuid.uuid4().hex, self._address
        self._end = address.end_type(address.url, name, CLIENT, True, True)
        self._is_closed = False
        self._close = util.Finalize(self, _dispose_of, (self._end,), exitpriority=6)  # before that of the thread
        with self._closing():
            token = EndUsers.at(address.url, f"{name}:{SERVER}").add(ACCEPT_LEASE)
            address.requests()._put(pickle.dumps((name, token)), NEVER)
        this: Any = self
        if self._authkey is not None:
            answer_challenge(this, self._authkey)
            deliver_challenge(this, self._authkey)

    def _wait_for(self, receive: Callable[[], T]) -> T:
        with self._closing():
            while not self._end.poll(LEASE):
                if self._end._session.closed or self._read_fence() != self._fence:
                    raise EOFError
            return receive()

    @contextlib.contextmanager
    def _closing(self) -> Iterator[None]:
        """Close it if this fails."""
        try:
            yield
        except (EOFError, BrokenPipeError):
            self.close()
            raise ManagerLostError(
                f"the process of the manager at {self._address} has ended or was paused, or the server has lost its "
                "data, or the context was closed; the call was made or not"
            ) from None
        except BaseException:
            self.close()
            raise

    def _read_fence(self) -> int | None:
        """Return the fence of the process that serves the address: another one, if the lock was lost meanwhile."""
        holders = self._lock.holders()
        return holders[0].fence if holders else None


def _dispose_of(end: PipeConnection) -> None:
    disposal().put(functools.partial(_close_end, end))


def _close_end(end: PipeConnection) -> None:
    """Close an end; delete the pipe if no process has the other end open.

    Both processes close first, and then look. So at least one of them sees that the other has closed. Both may: then
    both delete the pipe, the second one also what the first one has sent while it closed its end.
    """
    if end.closed:
        return
    end.close()
    with contextlib.suppress(BrokerError):  # then its keys expire
        if end._peer_users.remove(end._peer_users.new_token()) == 0:
            for handle in (*end.handles, end._outbox, end._peer_users):
                handle.delete()


class DeferredRequest:
    """In the place of a connection for a finalizer: what it sends is sent later, and it gets a reply at once."""

    def __init__(self, address: ManagerAddress, authkey: bytes | None) -> None:
        self._connect = functools.partial(ClientConnection, address, authkey)

    def send(self, request: Any) -> None:
        """Have a request sent on a connection of its own."""
        disposal().put(functools.partial(_request, self._connect, request))

    def recv(self) -> tuple[str, None]:
        """Return that it was carried out."""
        return "#RETURN", None


def _request(connect: Callable[[], ClientConnection], request: Any) -> None:
    connection = connect()
    connection.send(request)
    connection.recv()


shut_down: deque[ManagerAddress] = deque(maxlen=1000)  # managers of this process, which nobody will serve again
_unavailable: dict[str, float] = {}  # URL -> when its server was found to be unavailable
_FINALIZER = managers.BaseProxy._decref.__code__  # type: ignore[attr-defined]


def connect(address: ManagerAddress, authkey: bytes | None = None) -> ClientConnection | DeferredRequest:
    """Return a connection to the process that serves an address, as `multiprocessing.connection.Client`.

    Raises `ManagerLostError` if there is none, or `multiprocessing.AuthenticationError` if it has another key. Forked
    children connect for each proxy that they have inherited, so this must not wait again and again.
    """
    if sys._getframe(1).f_code is _FINALIZER:
        return DeferredRequest(address, authkey)
    if address in shut_down:
        raise ManagerLostError(f"the manager at {address} was shut down")
    if time.monotonic() < _unavailable.get(address.url, -math.inf) + FAIL_FAST:
        raise ServerUnavailableError("the Redis server could not be reached a moment ago")
    disposal().start()
    try:
        return ClientConnection(address, authkey)
    except ServerUnavailableError:
        _unavailable[address.url] = time.monotonic()
        raise


managers.listener_client[SERIALIZER] = (Listener, connect)  # type: ignore[attr-defined]
