"""Measures for how long a busy machine delays a process that is ready to run."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from lab.trace import MICROSECONDS

PERIOD = 0.02  # seconds that the measuring thread sleeps


class DelayMeter:
    """Measures, during a `with` block, how late a sleeping thread wakes up."""

    def __init__(self) -> None:
        self._longest = 0.0
        self._due = float("inf")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="lab-delay-meter", daemon=True)

    @property
    def longest(self) -> float:
        """The longest delay so far, in seconds."""
        return max(self._longest, time.monotonic() - self._due)

    @property
    def longest_microseconds(self) -> int:
        """The same as a whole number, for an event's `value`."""
        return round(self.longest * MICROSECONDS)

    def __enter__(self) -> DelayMeter:
        self._due = time.monotonic() + PERIOD
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        longest = self.longest  # the thread may be late at this moment
        self._stopped.set()
        self._thread.join()
        self._longest = max(self._longest, longest)

    def _measure(self) -> None:
        while not self._stopped.wait(PERIOD):
            woken = time.monotonic()
            self._longest, self._due = max(self._longest, woken - self._due), woken + PERIOD
        self._due = float("inf")
