"""Status messages from jobs to the process that started them: started, output, exited.

All jobs of a context put their messages into one queue, and one thread of the parent reads it until they have exited.
The queue keeps the order: when the parent learns that a job has exited, it has written all output of that job.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
import uuid
from contextlib import suppress
from typing import NamedTuple, Protocol

import redis

from broker.engine.requests import RETRY_TIMEOUT as OUTAGE_TIMEOUT
from broker.errors import BrokerError, ServerUnavailableError
from jobs.exchange.control import parent_lock
from jobs.exchange.queues import Queue

MAXSIZE = 256  # messages; while the queue is full, jobs wait
SEND_TIMEOUT = OUTAGE_TIMEOUT  # seconds for which they wait, for room or for the server, before they drop a message
READ_TIMEOUT = 3.0  # seconds within which a parent that still waits for a job reads its message
RECOVERY_TIME = 10.0  # seconds after an outage of the server in which no job counts as lost
SLOW_CHECK = 1.0  # seconds: if to check a job took longer, the server was unavailable meanwhile
POLL_INTERVAL = 1.0  # seconds between checks for jobs that were lost without a message


class Started(NamedTuple):
    """A job has started, as this process on this host."""

    pid: int
    host: str


class Output(NamedTuple):
    """A job has written this text to its standard output (1) or standard error (2)."""

    stream: int
    text: bytes


class Exited(NamedTuple):
    """A job has exited; the exit code is that of `Process.exitcode`."""

    exitcode: int


class FolderRequest(NamedTuple):
    """A job's host does not have the program's folder."""


class StatusListener(Protocol):
    """The parent's side of one job."""

    def on_status(self, message: Started | FolderRequest | Exited) -> None:
        """Record that the job has started or exited, or send it the program's folder."""

    def is_lost(self) -> bool:
        """Ask the server whether the job is gone without having sent `Exited`."""

    def on_lost(self) -> None:
        """Record that the job is lost, unless it has exited by now."""


class StatusWriter:
    """The job's side."""

    def __init__(self, url: str, queue_name: str, job_id: str) -> None:
        self.queue = Queue.at(url, queue_name, maxsize=MAXSIZE)
        self._job_id = job_id
        self._timeout = SEND_TIMEOUT

    def send(self, message: Started | FolderRequest | Output | Exited) -> None:
        """Send a message to the parent; wait for room in the queue, and for the server, but not forever."""
        try:
            self.queue.put((self._job_id, message), timeout=self._timeout)
            self._timeout = SEND_TIMEOUT
        except (queue.Full, BrokerError):
            self._timeout = 0.0

    def send_confirmed(self, message: Started | FolderRequest | Output | Exited) -> bool:
        """Send a message, and return whether the parent reads it in time; raises a `BrokerError` if that is unknown."""
        deadline = time.monotonic() + READ_TIMEOUT
        with suppress(queue.Full):
            self.queue.put((self._job_id, message), timeout=READ_TIMEOUT)
        while not (read := self.queue.empty()) and time.monotonic() < deadline:
            time.sleep(READ_TIMEOUT / 10)
        return read


class StatusReader:
    """The parent's side: receives the messages of all jobs of a context; its lock shows them that it is alive."""

    def __init__(self, url: str) -> None:
        self.queue = Queue.at(url, f"news-{uuid.uuid4().hex}", maxsize=MAXSIZE)
        self.lock = parent_lock(url, self.queue.name)
        self._listeners: dict[str, StatusListener] = {}  # by job id
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._next_poll = 0.0
        self._last_reply = 0.0  # when the server last replied
        self._error: Exception | None = None  # why there has been none since
        self._last_error = -RECOVERY_TIME  # when there was none the last time

    def subscribe(self, job_id: str, listener: StatusListener) -> None:
        """Pass the messages of this job to `listener` until it has exited."""
        self._hold_lock()
        with self._lock:
            self._listeners[job_id] = listener
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jobs-status", daemon=True)
                self._thread.start()

    def unsubscribe(self, job_id: str) -> None:
        """Ignore further messages of this job."""
        with self._lock:
            self._listeners.pop(job_id, None)

    def close(self) -> None:
        """Stop reading."""
        with self._lock:
            self._listeners.clear()
            thread = self._thread
        if thread is not None:
            self.queue.put(("", Exited(0)))  # wakes it
            thread.join()
        if self.lock.held:
            self.lock.release()

    def check(self) -> None:
        """Raise `ServerUnavailableError` if the server has been unreachable for as long as requests are repeated."""
        if self._error is not None and time.monotonic() > self._last_reply + OUTAGE_TIMEOUT:
            raise ServerUnavailableError(f"no status of the jobs for {OUTAGE_TIMEOUT:.0f} s: {self._error}")

    def is_recovering(self) -> bool:
        """Return whether an outage of the server ended so recently that jobs may not have connected again."""
        return time.monotonic() < self._last_error + RECOVERY_TIME

    def _run(self) -> None:
        self._last_reply = time.monotonic()
        while self._has_listeners():
            try:
                self._receive(timeout=self._next_poll - time.monotonic())
                if time.monotonic() >= self._next_poll:
                    self._hold_lock()
                    self._find_lost_jobs()
                    self._next_poll = time.monotonic() + POLL_INTERVAL
                self._last_reply, self._error = time.monotonic(), None
            except (BrokerError, redis.RedisError) as error:
                self._error, self._last_error = error, time.monotonic()
                time.sleep(POLL_INTERVAL)

    def _hold_lock(self) -> None:
        if not self.lock.held:  # also after a pause, or a loss of the server's data
            self.lock.acquire(block=False)

    def _has_listeners(self) -> bool:
        with self._lock:
            if not self._listeners:
                self._thread = None
            return bool(self._listeners)

    def _receive(self, timeout: float) -> None:
        try:
            job_id, message = self.queue.get(timeout=timeout)
        except queue.Empty:
            return
        if isinstance(message, Output):
            _write(message)
        elif job_id in self._listeners:
            self._listeners[job_id].on_status(message)

    def _find_lost_jobs(self) -> None:
        lost = [listener for listener in list(self._listeners.values()) if self._is_lost(listener)]
        for _ in range(self.queue.qsize() if lost else 0):  # may include their last messages
            self._receive(timeout=0)
        for listener in lost:
            listener.on_lost()

    def _is_lost(self, listener: StatusListener) -> bool:
        started = time.monotonic()
        lost = listener.is_lost()
        now = time.monotonic()
        if now > started + SLOW_CHECK:  # after a short outage TCP delivers requests late, and there is no error
            self._last_error = now
            return False  # ask again: the reply may be from before the jobs have connected again
        return lost


def _write(output: Output) -> None:
    # Past the text layer: the job's text does not end up within a line that this process has written only in part.
    stream = sys.stdout if output.stream == 1 else sys.stderr
    with suppress(OSError, ValueError):  # the terminal is gone, or the file is closed
        if hasattr(stream, "buffer"):
            stream.buffer.write(output.text)
            stream.buffer.flush()
        elif stream is not None:
            stream.write(output.text.decode(errors="replace"))
            stream.flush()
