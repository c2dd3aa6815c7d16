"""A server that is none of Redis: it answers every request with the same bytes, also what is no request of Redis."""

from __future__ import annotations

import socket
from contextlib import suppress

from broker.transport.replies import INCOMPLETE, ReplyParser
from broker.transport.server_errors import UnexpectedReplyError
from tests.support.listener import Listener


class FakeServer(Listener):
    """Replies `reply`, which a test may change, to every request, and counts its connections."""

    def __init__(self, reply: bytes) -> None:
        self.connections = 0
        self.reply = reply
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        self.connections += 1
        self.run(self._answer, connection)

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            requests = ReplyParser()
            while data := connection.recv(65536):
                requests.feed(data)
                try:
                    while requests.next() is not INCOMPLETE:
                        connection.sendall(self.reply)
                except UnexpectedReplyError:  # the client speaks TLS, for instance
                    connection.sendall(self.reply)

    def __enter__(self) -> FakeServer:
        return self
