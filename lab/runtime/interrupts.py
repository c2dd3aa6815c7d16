"""Signals that ask the lab to stop: they interrupt it only while it waits, so that nothing is left half done."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NoReturn


def stop_signals() -> list[signal.Signals]:
    """Return the signals that ask to stop, without those that are ignored: under nohup, SIGHUP is."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


class Interrupted(KeyboardInterrupt):
    """Raised for the signal `number`, which asks to stop."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def raise_interrupted(number: int, _: object) -> NoReturn:
    """Raise `Interrupted`: a handler of signals."""
    raise Interrupted(number)


class Interrupts:
    """Turns a signal that asks to stop into an `Interrupted`, at once or when the lab next waits."""

    def __init__(self) -> None:
        self._received = 0  # the first signal's number
        self._waiting = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        self._previous = {number: signal.signal(number, self._receive) for number in stop_signals()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if kind is None:
            self.check()

    @property
    def received(self) -> bool:
        """Whether a signal has been received."""
        return bool(self._received)

    def check(self) -> None:
        """Raise `Interrupted` if a signal has been received."""
        if self._received:
            raise Interrupted(self._received)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Let a signal interrupt this block; only the first signal does, so that it cannot disturb the clean-up."""
        self.check()
        self._waiting = True
        try:
            self.check()
            yield
        finally:
            self._waiting = False

    def _receive(self, number: int, _: object) -> None:
        first, self._received = not self._received, self._received or number
        if first and self._waiting:
            raise Interrupted(number)
