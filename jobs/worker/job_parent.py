"""What a job's process gets from `multiprocessing.parent_process()`: its parent, on whichever host it runs."""

from __future__ import annotations

import functools
import multiprocessing
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from multiprocessing.process import BaseProcess, _ParentProcess  # type: ignore[attr-defined]

from broker.engine.waiting import deadline_of
from broker.errors import BrokerError
from broker.locks.lock import Lock

REACQUIRE_TIME = 3.0  # seconds within which a parent has its lock again that has lost it, as with the server's data


class JobParent(_ParentProcess):  # type: ignore[misc]
    """The process that has started a job; it holds `lock` until it has ended.

    If it was killed, or lost with its host, it counts as alive until its lease has expired.
    """

    def __init__(self, name: str, pid: int, lock: Lock) -> None:
        super().__init__(name, pid, None)
        self._lock = lock

    @classmethod
    def of(cls, process: BaseProcess, lock: Lock) -> JobParent:
        """Return the parent of a process that was unpickled in a job."""
        return cls(process._parent_name, process._parent_pid, lock)  # type: ignore[attr-defined]

    def is_alive(self) -> bool:
        """Return whether it has not ended."""
        return any(holder.pid == self.pid for holder in self._lock.holders())

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, for at most `timeout` seconds."""
        deadline = deadline_of(True, timeout)
        while self._lock.acquire(timeout=deadline - time.monotonic()):  # who else waits is another child
            self._lock.release()
            time.sleep(max(0.0, min(REACQUIRE_TIME, deadline - time.monotonic())))
            if not self.is_alive():
                return

    @property
    def sentinel(self) -> int:
        """A file descriptor that is readable when it has ended."""
        return self._sentinel_pipe[0].fileno()

    @functools.cached_property
    def _sentinel_pipe(self) -> tuple[Connection, Connection]:
        pipe = Pipe(duplex=False)

        def report_end() -> None:
            while True:
                with suppress(BrokerError):  # the server is down, or this process has closed its context
                    self.join()
                    pipe[1].send_bytes(b"")
                    return
                time.sleep(REACQUIRE_TIME)

        threading.Thread(target=report_end, daemon=True).start()
        return pipe


def set_parent(parent: JobParent) -> None:
    """Make it what `multiprocessing.parent_process()` returns."""
    multiprocessing.process._parent_process = parent  # type: ignore[attr-defined]
