"""A pipe by which a subprocess notices that the process that started it has ended."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import weakref


class ParentPipe:
    """A pipe that reaches end of file when this process calls `close` or ends, in whatever way.

    The subprocess gets `reader`; this process then closes its own copy with `close_reader`. A forked child of this
    process does not keep the pipe open.
    """

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        _open_pipes.add(self)

    def write(self, message: bytes) -> None:
        """Send a message to the subprocess; raise `BrokenPipeError` if it has ended."""
        os.write(self._writer, message)

    def write_at_once(self, message: bytes) -> bool:
        """Send a message if that needs no waiting; return whether all of it was sent, and else none of it."""
        if not self.is_open or len(message) > select.PIPE_BUF:  # up to that size, it is written as a whole
            return False
        try:
            os.set_blocking(self._writer, False)
            return os.write(self._writer, message) == len(message)
        except (BlockingIOError, BrokenPipeError):
            return False

    def enlarge(self, size: int) -> None:
        """Have it take so many bytes that were not read, if the system permits it."""
        with contextlib.suppress(OSError, AttributeError):  # only Linux has this
            fcntl.fcntl(self._writer, fcntl.F_SETPIPE_SZ, size)

    def close_reader(self) -> None:
        """Close this process's copy of the reading end."""
        os.close(self.reader)

    @property
    def is_open(self) -> bool:
        """Whether this process has the writing end open."""
        return self in _open_pipes

    def close(self) -> None:
        """Close the writing end, so that the subprocess reads end of file."""
        if self.is_open:
            _open_pipes.discard(self)
            os.close(self._writer)


_open_pipes: weakref.WeakSet[ParentPipe] = weakref.WeakSet()


def _close_inherited_pipes() -> None:
    for pipe in list(_open_pipes):
        pipe.close()


os.register_at_fork(after_in_child=_close_inherited_pipes)
