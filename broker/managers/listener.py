"""What multiprocessing's managers use instead of sockets: a listener under a name, and a pipe for each connection.

Importing this makes it one of multiprocessing's serializers, under the name `SERIALIZER`.
"""

from __future__ import annotations

import contextlib
import errno
import pickle
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from multiprocessing import managers, util
from multiprocessing.connection import answer_challenge, deliver_challenge
from typing import Any, TypeVar

from broker.errors import BrokerError, ManagerLostError, NotHeldError, ServerUnavailableError
from broker.managers.address import LEASE, ManagerAddress
from broker.messages.pipe import PipeConnection
from broker.messages.pipe_ends import EndUsers
from broker.transport.connection import NEVER

SERIALIZER = "broker"
ACCEPT_LEASE = 60.0  # seconds within which a busy process must accept a connection
FAIL_FAST = 5.0  # seconds; when a process ends, it disposes of all its proxies, and must not wait for each
CLIENT, SERVER = 0, 1  # the ends of a connection

T = TypeVar("T")


class Listener:
    """Accepts connections under an address, as `multiprocessing.connection.Listener`.

    The process that serves an address holds its lock, so there is one at a time.
    """

    def __init__(self, address: ManagerAddress, backlog: int = 1) -> None:  # noqa: ARG002 - as multiprocessing's
        self.address = address
        self._lock = address.lock()
        self._requests = address.requests()
        if not self._lock.acquire(timeout=2 * LEASE):  # a killed process holds it for a lease
            raise OSError(errno.EADDRINUSE, f"another process serves the manager at {address}")

    def accept(self) -> AcceptedConnection:
        """Wait for the next connection."""
        while True:
            self._hold_address()
            with contextlib.suppress(queue.Empty):
                request = self._requests._get(time.monotonic() + LEASE)
                if self._lock.held:
                    return AcceptedConnection(self.address, *pickle.loads(request))  # noqa: S301 - as with any pipe
                self._requests._put(request, NEVER)  # for the process that serves the address by now

    def close(self) -> None:
        """Make the address free."""
        with contextlib.suppress(BrokerError):  # then the lock is free after its lease
            self._lock.release()
        with contextlib.suppress(BrokerError):
            if self.address.given is None:  # nobody else will serve it
                self._lock.delete()
                self._requests.delete()

    def _hold_address(self) -> None:
        """Acquire the lock again if it was lost: after a pause, or with the server's data."""
        if not self._lock.held:
            with contextlib.suppress(NotHeldError):
                self._lock.release()
            self._lock.acquire()


class AcceptedConnection:
    """The end of a connection in the process that serves an address."""

    def __init__(self, address: ManagerAddress, name: str, token: bytes) -> None:
        self._end = address.end_type(address.url, name, SERVER, True, True)
        self._end._users.remove(token)
        self.send, self.send_bytes = self._end.send, self._end.send_bytes
        self.recv, self.recv_bytes = self._end.recv, self._end.recv_bytes

    def close(self) -> None:
        """Wait until the client has closed its end, as it does when it has read the reply; then delete the pipe."""
        if self._end.closed:
            return
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._end.recv_bytes()
        self._end.close()
        _delete(self._end)


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
        if self._end.closed:
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
        """Close it."""
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
        self._close = util.Finalize(self, _close_client, (self._end,), exitpriority=0)
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


def _close_client(end: PipeConnection) -> None:
    """Close an end; delete the pipe if the other process has closed its end before, when it ended."""
    is_last = False
    with contextlib.suppress(BrokerError):  # then its keys expire
        is_last = end._peer_remains_open(0.0) == 0
    end.close()
    with contextlib.suppress(BrokerError):
        if is_last:
            _delete(end)


def _delete(end: PipeConnection) -> None:
    for handle in (*end.handles, end._outbox, end._peer_users):
        handle.delete()


_failed: dict[str, float] = {}  # URL -> when its server was last found to be unavailable


def connect(address: ManagerAddress, authkey: bytes | None = None) -> ClientConnection:
    """Return a connection to the process that serves an address, as `multiprocessing.connection.Client`.

    Raises `ManagerLostError` if there is none, or `multiprocessing.AuthenticationError` if it has another key.
    """
    if time.monotonic() < _failed.get(address.url, 0.0) + FAIL_FAST:
        raise ServerUnavailableError("the Redis server could not be reached a moment ago")
    try:
        return ClientConnection(address, authkey)
    except ServerUnavailableError:
        _failed[address.url] = time.monotonic()
        raise


managers.listener_client[SERIALIZER] = (Listener, connect)  # type: ignore[attr-defined]
