"""A server that is none of Redis: it answers every request with the same bytes."""

from __future__ import annotations

import socket
from contextlib import suppress

from tests.support.listener import Listener


class FakeServer(Listener):
    """Replies `reply` to whatever it receives, and counts its connections."""

    def __init__(self, reply: bytes) -> None:
        self.connections = 0
        self._reply = reply
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        self.connections += 1
        self.run(self._answer, connection)

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while connection.recv(65536):
                connection.sendall(self._reply)

    def __enter__(self) -> FakeServer:
        return self
