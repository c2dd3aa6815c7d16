"""Receipts for what a process prints: whoever has one knows that no line which is printed later overtakes his.

A process prints into a pipe, and somebody else passes on what comes out. If it wakes another process meanwhile, on
whatever host, that one's line might be there first. So a write asks for a receipt: it hands over one end of a pair of
sockets and waits until that is closed, by whoever has passed on what was in the pipe, or by his end.
"""

from __future__ import annotations

import io
import os
import socket
from contextlib import suppress
from typing import Any


class Printer(io.FileIO):
    """The writing end of a pipe; `write` returns when what was written has been passed on."""

    def __init__(self, pipe: int, office: socket.socket) -> None:
        super().__init__(pipe, "w", closefd=False)
        self._office = office

    def write(self, data: Any, /) -> int:
        """Write and wait for the receipt."""
        written = super().write(data)
        ours, theirs = socket.socketpair()
        with ours, suppress(OSError):  # nobody reads any more
            with theirs:
                socket.send_fds(self._office, [b"?"], [theirs.fileno()])
            ours.recv(1)
        return written


class Office:
    """Where receipts are asked for, and given."""

    def __init__(self) -> None:
        self.counter, self.customers = socket.socketpair()
        self._asked: list[int] = []

    def fileno(self) -> int:
        """Return what is ready for reading when somebody asks."""
        return self.counter.fileno()

    def hear(self) -> bool:
        """Take in one who asks: what he has written is in its pipe. Return False if nobody can ask any more."""
        said, asked, _, _ = socket.recv_fds(self.counter, 1, 1)
        self._asked += asked
        return bool(said)

    def give(self) -> None:
        """Give those who have asked their receipts."""
        while self._asked:
            os.close(self._asked.pop())

    def close(self) -> None:
        """Let everybody go on who waits for a receipt."""
        self.give()
        self.counter.close()
