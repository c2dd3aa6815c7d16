"""Output in order: no line that is printed later, by any process, overtakes a line that was printed before.

A process prints into a pipe, and its parent forwards what it reads from there, all at once. `print` does not wait for
that. If the process then woke another one, on any host, that one's line might arrive first. So before each request to
the server, the process requests an acknowledgement: it sends one end of a socket pair to the parent, and waits until
that end is closed. The parent closes it when it has forwarded what was in the pipes, or when it exits. In the same way
a process waits before it writes to the other stream: each has a pipe of its own.
"""

from __future__ import annotations

import io
import os
import socket
from contextlib import suppress
from typing import Any


class PendingOutput:
    """The writer's side: whether there is output that may not have been forwarded yet, and a way to wait for that."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._stream = 0  # that was written to last
        # Objects instead of numbers: threads may overwrite each other's, and two are never equal by chance.
        self._last_write = self._forwarded = object()

    def begin_write(self, stream: int) -> None:
        """Wait until what was written to another stream has been forwarded."""
        if self._stream != stream:
            self.wait()
            self._stream = stream

    def end_write(self) -> None:
        """Record that something was written."""
        self._last_write = object()

    def wait(self) -> None:
        """Return when everything that was written before this call has been forwarded, or never will be."""
        last_write = self._last_write
        if last_write is self._forwarded:
            return
        ours, theirs = socket.socketpair()
        with ours, suppress(OSError):  # the reader is gone
            with theirs:
                socket.send_fds(self._requests, [b"?"], [theirs.fileno()])
            ours.recv(1)
        self._forwarded = last_write


class OrderedWriter(io.FileIO):
    """The write end of a pipe: one of the streams of a process."""

    def __init__(self, stream: int, pending: PendingOutput) -> None:
        super().__init__(stream, "w", closefd=False)
        self._pending = pending

    def write(self, data: Any, /) -> int:
        """Write, after what was written to the other stream."""
        self._pending.begin_write(self.fileno())
        try:
            return super().write(data)
        finally:
            self._pending.end_write()


class Acknowledgements:
    """The reader's side: receives requests through `receiver`, which a writer sends through `sender`."""

    def __init__(self) -> None:
        self.receiver, self.sender = socket.socketpair()
        self._pending: list[int] = []

    def fileno(self) -> int:
        """Return the file descriptor that is readable when there is a request."""
        return self.receiver.fileno()

    def receive(self) -> bool:
        """Receive a request, whose writer has written to its pipes before; return False if no writer is left."""
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
