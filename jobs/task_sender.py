"""The thread that puts a pool's tasks."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from broker.errors import BrokerError
from broker.messages.tasks import TaskWriter

MAX_TASKS, MAX_SIZE = 1000, 1 << 20  # tasks and bytes in one request, unless it is a single task
MAX_BUFFERED = 8 << 20  # bytes; until less is buffered, the next task waits
WAKE_INTERVAL = 1.0  # seconds after which a worker that was woken should have asked for a task


class TaskSender:
    """Puts tasks in the background: those that come while a request is under way go with the next one.

    If a request fails, `on_error` is called with the error and its tasks. The thread runs until the last task was put.
    """

    def __init__(self, writer: TaskWriter, on_error: Callable[[BrokerError, Sequence[bytes]], None]) -> None:
        self._writer = writer
        self._on_error = on_error
        self._tasks: deque[bytes] = deque()
        self._size = 0
        self._closing = self._stopped = False
        self._wake_at = math.inf  # when to wake workers if nothing is put before
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, task: bytes) -> None:
        """Have a task put."""
        with self._changed:
            self._changed.wait_for(lambda: self._size < MAX_BUFFERED or self._stopped)
            self._tasks.append(task)
            self._size += len(task)
            self._start()

    def close(self) -> None:
        """Tell the workers that no more tasks come, after those that are buffered."""
        with self._changed:
            if not self._closing:
                self._closing = True
                self._start()

    def stop(self) -> None:
        """Put nothing any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wake_later(self) -> None:
        """In a second, wake workers if tasks are left then: those that were woken may be dead, or paused."""
        with self._changed:
            self._wake_at = time.monotonic() + WAKE_INTERVAL
            self._start()

    def _start(self) -> None:
        if self._thread is None and not self._stopped:
            self._thread = threading.Thread(target=self._run, name="TaskSender", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while self._send_next():
            pass

    def _send_next(self) -> bool:
        """Wait until there is something to do, and do it; return whether there may be more."""
        with self._changed:
            self._wait()
            if self._stopped:
                return False
            self._wake_at = math.inf
            batch, close = self._take_batch()
            self._changed.notify_all()
        self._send(batch, close)
        return not close

    def _wait(self) -> None:
        while not (self._tasks or self._closing or self._stopped or time.monotonic() >= self._wake_at):
            self._changed.wait(None if self._wake_at == math.inf else self._wake_at - time.monotonic())

    def _take_batch(self) -> tuple[list[bytes], bool]:
        batch: list[bytes] = []
        size = 0
        while self._tasks and len(batch) < MAX_TASKS and (not batch or size + len(self._tasks[0]) <= MAX_SIZE):
            batch.append(self._tasks.popleft())
            size += len(batch[-1])
        self._size -= size
        return batch, self._closing and not self._tasks

    def _send(self, batch: Sequence[bytes], close: bool) -> None:
        try:
            if self._writer.put(batch, close) if batch or close else self._writer.wake():
                self.wake_later()
        except BrokerError as error:
            self._on_error(error, batch)
