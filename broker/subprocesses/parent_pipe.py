"""How a program that this process has started learns that this process has ended."""

from __future__ import annotations

import os
import weakref


class Lifeline:
    """A pipe that nobody reads to its end before this process has ended, however it ended, or let go.

    `reader` is for the other program, and is closed here once it has been handed over. A forked child of this process
    does not hold the line.
    """

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        _held.add(self)

    def write(self, message: bytes) -> None:
        """Say something that the other program reads first; raise `BrokenPipeError` if it has ended."""
        os.write(self._writer, message)

    def handed_over(self) -> None:
        """Close the reading end."""
        os.close(self.reader)

    @property
    def held(self) -> bool:
        """Whether this process holds the line."""
        return self in _held

    def let_go(self) -> None:
        """Let the other program read to the end."""
        if self.held:
            _held.discard(self)
            os.close(self._writer)


_held: weakref.WeakSet[Lifeline] = weakref.WeakSet()


def _forget_parents() -> None:
    for lifeline in list(_held):
        lifeline.let_go()


os.register_at_fork(after_in_child=_forget_parents)
