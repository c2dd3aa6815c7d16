"""Acknowledged output: no line that is printed later, by any process, overtakes a line that was printed before.

A process prints into a pipe, and its parent forwards what it reads from there. If the process woke another one in the
meantime, on any host, that one's line might arrive first. So each write requests an acknowledgement: it sends one end
of a socket pair to the parent, and waits until that end is closed. The parent closes it when it has forwarded what was
in the pipe, or when it exits.
"""

from __future__ import annotations

import io
import os
import socket
from contextlib import suppress
from typing import Any


class AcknowledgedWriter(io.FileIO):
    """The write end of a pipe; `write` returns when what was written has been forwarded."""

    def __init__(self, pipe: int, requests: socket.socket) -> None:
        super().__init__(pipe, "w", closefd=False)
        self._requests = requests

    def write(self, data: Any, /) -> int:
        """Write, and wait for the acknowledgement."""
        written = super().write(data)
        ours, theirs = socket.socketpair()
        with ours, suppress(OSError):  # the reader is gone
            with theirs:
                socket.send_fds(self._requests, [b"?"], [theirs.fileno()])
            ours.recv(1)
        return written


class Acknowledgements:
    """The reader's side: receives requests through `receiver`, which a writer sends through `sender`."""

    def __init__(self) -> None:
        self.receiver, self.sender = socket.socketpair()
        self._pending: list[int] = []

    def fileno(self) -> int:
        """Return the file descriptor that is readable when there is a request."""
        return self.receiver.fileno()

    def receive(self) -> bool:
        """Receive a request, whose writer has written to its pipe before; return False if no writer is left."""
        message, descriptors, _, _ = socket.recv_fds(self.receiver, 1, 1)
        self._pending += descriptors
        return bool(message)

    def acknowledge(self) -> None:
        """Acknowledge all requests that were received."""
        while self._pending:
            os.close(self._pending.pop())

    def close(self) -> None:
        """Acknowledge everything, and receive no more."""
        self.acknowledge()
        self.receiver.close()
