"""Signals at their default for every program that a test starts, whatever this process has inherited."""

from __future__ import annotations

import signal
from types import FrameType

OF_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}  # Python ignores them, and `subprocess` restores them


def at_default() -> None:
    """Unblock all signals, and let no child inherit that one is ignored, as `nohup` and a shell's `&` have it.

    A signal that was ignored gets a handler that does nothing: this process still survives it, and exec resets it.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - OF_PYTHON:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else _ignore)


def handlers() -> list[object]:
    """Return this process's handlers of the signals that end programs."""
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def _ignore(number: int, frame: FrameType | None) -> None:
    pass
