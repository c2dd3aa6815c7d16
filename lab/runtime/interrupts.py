"""Ctrl-C and its like, heard only where the lab waits, so that nothing is left half made."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Turns a signal that asks to stop into a `KeyboardInterrupt`, now or when the lab next waits."""

    def __init__(self) -> None:
        self._arrived = False
        self._waiting = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup's is not
        self._before = {number: signal.signal(number, self._arrive) for number in heeded}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if a signal has arrived."""
        if self._arrived:
            raise KeyboardInterrupt

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Let a signal break into this block; once one has arrived, the clean-up that follows is left alone."""
        self.check()
        self._waiting = True
        try:
            self.check()
            yield
        finally:
            self._waiting = False

    def _arrive(self, *_: object) -> None:
        first, self._arrived = not self._arrived, True
        if first and self._waiting:
            raise KeyboardInterrupt
