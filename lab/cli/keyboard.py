"""Single key presses of a terminal."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ESCAPE, ENTER, BACKSPACE = "\x1b", "\n", "\x7f"
MAX_BYTES = 1024  # that are read at once

ReadKeys = Callable[[float], str]


@contextmanager
def keyboard() -> Iterator[ReadKeys]:
    """Yield a function that waits for so many seconds, or until keys are pressed, and returns these.

    Meanwhile standard input passes on each key at once, and does not show it; Ctrl-C is a signal as ever. If standard
    input is no terminal, no key is ever pressed.
    """
    if sys.stdin is None or not sys.stdin.isatty():  # it is None if it was closed
        yield _no_keys
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield lambda timeout: _read_keys(terminal, timeout)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _no_keys(timeout: float) -> str:
    time.sleep(timeout)
    return ""


def _read_keys(terminal: int, timeout: float) -> str:
    if not select.select([terminal], [], [], timeout)[0]:
        return ""
    keys = os.read(terminal, MAX_BYTES).decode(errors="ignore")
    return "" if keys.startswith(ESCAPE) and len(keys) > 1 else keys  # an arrow or a function key
