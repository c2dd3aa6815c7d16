"""A proxy in front of a server that loses requests and replies on demand."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from types import TracebackType

from broker.transport.scripts import Script


class Fault(Enum):
    LOSE_REQUEST = "the connection breaks before the server gets the request"
    LOSE_REPLY = "the server runs the request, and the connection breaks before the reply arrives"
    SWALLOW_REPLY = "the server runs the request, and the reply never arrives"


class Proxy:
    """Listens on loopback and forwards to a Unix socket; each injected fault happens once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pending: list[tuple[bytes, Fault]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self._run(self._accept)

    def inject(self, script: Script | bytes, fault: Fault) -> None:
        """Let `fault` happen to the next call of `script`, known to the server, or request with these bytes."""
        self._pending.append((script if isinstance(script, bytes) else script.sha, fault))

    def forward_to(self, path: str) -> None:
        """Forward new connections to another server, as after a failover."""
        self._path = path

    @property
    def all_injected(self) -> bool:
        """Whether all injected faults have happened."""
        return not self._pending

    def break_connections(self) -> None:
        """Break every connection."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._path)
                self._sockets += [client, server]
                forwarded = _ProxiedConnection(self, client, server)
                self._run(forwarded.requests)
                self._run(forwarded.replies)

    def next_fault(self, request: bytes) -> Fault | None:
        for number, (pattern, fault) in enumerate(self._pending):
            if pattern in request:
                del self._pending[number]
                return fault
        return None

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.break_connections()
        for each in self._sockets:
            each.close()


class _ProxiedConnection:
    """One connection, forwarded in both directions."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._fault: Fault | None = None

    def requests(self) -> None:
        with suppress(OSError):
            while data := self._client.recv(65536):
                self._fault = self._proxy.next_fault(data) or self._fault
                if self._fault is Fault.LOSE_REQUEST:
                    break
                self._server.sendall(data)
        self._shut_down()

    def replies(self) -> None:
        with suppress(OSError):
            while data := self._server.recv(65536):
                if self._fault is Fault.LOSE_REPLY:
                    break
                if self._fault is not Fault.SWALLOW_REPLY:
                    self._client.sendall(data)
        self._shut_down()

    def _shut_down(self) -> None:
        for each in (self._client, self._server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
