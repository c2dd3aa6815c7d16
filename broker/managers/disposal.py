"""A thread for what finalizers ask for: they run at any point of a program, even while it holds a lock."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable
from multiprocessing import util

EXIT_TIMEOUT = 5.0  # seconds that a process waits for it when it ends


class Disposal:
    """Runs tasks one after the other, in a thread of this process."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, if it does not run; no finalizer may call this."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="disposal", daemon=True)
                self._thread.start()
                # After the finalizers of proxies, and before those of managers.
                util.Finalize(None, self.flush, (EXIT_TIMEOUT,), exitpriority=5)

    def put(self, task: Callable[[], object]) -> None:
        """Have a task run, whose errors nobody gets; this takes no lock."""
        self._tasks.put(task)

    def flush(self, timeout: float) -> None:
        """Wait until the tasks so far have run, for at most `timeout` seconds."""
        if self._thread is not None:
            done = threading.Event()
            self.put(done.set)
            done.wait(timeout)

    def _run(self) -> None:
        while True:
            task = self._tasks.get()
            with contextlib.suppress(Exception):
                task()
            del task


_disposal = Disposal()


def disposal() -> Disposal:
    """Return this process's."""
    return _disposal


def _renew() -> None:
    global _disposal
    _disposal = Disposal()


os.register_at_fork(after_in_child=_renew)
