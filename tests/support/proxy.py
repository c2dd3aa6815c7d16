"""A proxy in front of a server that loses requests and replies on demand."""

from __future__ import annotations

import socket
from contextlib import suppress
from enum import Enum

from broker.transport.scripts import Script
from tests.support.listener import Listener

PREFIX = 200  # bytes of a script that no other script begins with


class Fault(Enum):
    LOSE_REQUEST = "the connection breaks before the server gets the request"
    LOSE_REPLY = "the server runs the request, and the connection breaks before the reply arrives"
    SWALLOW_REPLY = "the server runs the request, and the reply never arrives"


class Proxy(Listener):
    """Forwards to a Unix socket; each fault of `inject` happens once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pending: list[tuple[bytes, Fault]] = []
        self._permanent: dict[bytes, Fault] = {}
        self._sockets: list[socket.socket] = []
        super().__init__()

    def inject(self, script: Script | bytes, fault: Fault) -> None:
        """Let `fault` happen to the next call of `script`, known to the server, or request with these bytes."""
        self._pending.append((script if isinstance(script, bytes) else script.sha, fault))

    def inject_always(self, script: Script, fault: Fault) -> None:
        """Let `fault` happen to each call of `script`, by its hash or its text, until `stop_injecting`."""
        self._permanent |= dict.fromkeys((script.sha, script.text[:PREFIX]), fault)

    def cut_messages(self) -> None:
        """Break every connection, and let nobody subscribe to a channel until `stop_injecting`."""
        self._permanent[b"SUBSCRIBE"] = Fault.LOSE_REQUEST
        self.break_connections()

    def stop_injecting(self) -> None:
        """Let no more faults happen."""
        self._permanent.clear()
        self._pending.clear()

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

    def serve(self, connection: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._path)
        self._sockets += [connection, server]
        forwarded = _ProxiedConnection(self, connection, server)
        self.run(forwarded.requests)
        self.run(forwarded.replies)

    def close(self) -> None:
        """Accept no more connections, and close those that there are."""
        super().close()
        self.break_connections()
        for each in self._sockets:
            each.close()

    def next_fault(self, request: bytes) -> Fault | None:
        for number, (pattern, fault) in enumerate(self._pending):
            if pattern in request:
                del self._pending[number]
                return fault
        return next((fault for pattern, fault in self._permanent.items() if pattern in request), None)

    def __enter__(self) -> Proxy:
        return self


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
