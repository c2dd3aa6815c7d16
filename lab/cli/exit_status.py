"""The exit status of a command that a signal has ended, as shells report it: 128 and the signal's number."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from lab.runtime.interrupts import Interrupted

CTRL_C = 128 + signal.SIGINT


def interrupt_status(cause: BaseException | None) -> int:
    """Return the exit status after a `KeyboardInterrupt`: 130, unless another signal has caused it."""
    return 128 + cause.number if isinstance(cause, Interrupted) else CTRL_C


def exit_with(status: int) -> NoReturn:
    """Exit with this status; in a terminal, 130 becomes the end by SIGINT.

    For the shell there this is status 130, too, but only a command that SIGINT itself has ended also ends a loop.
    """
    if status == CTRL_C and _in_foreground():
        sys.excepthook = lambda *_: None
        raise KeyboardInterrupt  # which Python ends with SIGINT
    sys.exit(status)


def _in_foreground() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)
