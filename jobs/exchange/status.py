"""What jobs tell the process that started them: that they began, what they print, how they ended.

All jobs of a context put it into one queue, and one thread of the parent reads it while any of them lives. The queue
keeps the order, so a job is known to have ended when all that it printed has been written.
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

from broker.errors import BrokerError, ServerUnavailableError
from broker.transport.connection import RETRY_TIMEOUT as OUTAGE
from jobs.exchange.queues import Queue

BACKLOG = 256  # pieces of output; then the jobs wait until the parent has written some
PATIENCE = 10.0  # seconds for which they wait
ATTENTION = 3.0  # seconds in which a parent that lives reads what it is told
GLANCE = 1.0  # seconds between looks for jobs that died without a word


class Began(NamedTuple):
    """A job has begun, as this process on this host."""

    pid: int
    host: str


class Printed(NamedTuple):
    """A job has written this to its standard output (1) or standard error (2)."""

    stream: int
    text: bytes


class Ended(NamedTuple):
    """A job has ended; the number is as `Process.exitcode` has it."""

    exitcode: int


class Reporter(Protocol):
    """The parent's side of one job."""

    def hear(self, news: Began | Ended) -> None:
        """Take note of what the job said of itself."""

    def looks_dead(self) -> bool:
        """Ask the server whether the job is gone, although it has not said so."""

    def bury(self) -> None:
        """Take note that it is."""


class StatusWriter:
    """The job's side; `name` is the queue's."""

    def __init__(self, url: str, name: str, job_id: str) -> None:
        self.channel = Queue.at(url, name, maxsize=BACKLOG)
        self._job_id = job_id
        self._patience = PATIENCE

    def tell(self, news: Began | Printed | Ended) -> None:
        """Tell the parent, waiting until it has read earlier news; what nobody reads is dropped."""
        try:
            self.channel.put((self._job_id, news), timeout=self._patience)
            self._patience = PATIENCE
        except (queue.Full, BrokerError):
            self._patience = 0.0

    def heard(self, news: Began | Printed | Ended) -> bool:
        """Tell the parent, and return whether it reads that soon; raise a `BrokerError` if that cannot be told."""
        deadline = time.monotonic() + ATTENTION
        with suppress(queue.Full):
            self.channel.put((self._job_id, news), timeout=ATTENTION)
        while not (read := self.channel.empty()) and time.monotonic() < deadline:
            time.sleep(ATTENTION / 10)
        return read


class StatusReader:
    """The parent's side: hears from all the jobs of one context."""

    def __init__(self, url: str) -> None:
        self.channel = Queue.at(url, f"news-{uuid.uuid4().hex}", maxsize=BACKLOG)
        self._jobs: dict[str, Reporter] = {}
        self._changing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._next_glance = 0.0
        self._reached = 0.0  # when the server last answered
        self._trouble: ServerUnavailableError | None = None

    def follow(self, job_id: str, job: Reporter) -> None:
        """Tell `job` what the job of that id says, until it has ended."""
        with self._changing:
            self._jobs[job_id] = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="jobs-news", daemon=True)
                self._thread.start()

    def drop(self, job_id: str) -> None:
        """Do not expect anything of that job any more."""
        with self._changing:
            self._jobs.pop(job_id, None)

    def close(self) -> None:
        """Hear no more, whatever the jobs may still say."""
        with self._changing:
            self._jobs.clear()
            thread = self._thread
        if thread is not None:
            self.channel.put(("", Ended(0)))  # wakes it
            thread.join()

    def check(self) -> None:
        """Raise `ServerUnavailableError` if the server is out of reach for as long as calls are repeated."""
        if self._trouble is not None:
            raise self._trouble

    def _listen(self) -> None:
        self._reached = time.monotonic()
        while self._expecting():
            try:
                self._hear(timeout=self._next_glance - time.monotonic())
                if time.monotonic() >= self._next_glance:
                    self._glance()
                    self._next_glance = time.monotonic() + GLANCE
                self._reached, self._trouble = time.monotonic(), None
            except (BrokerError, redis.RedisError) as error:
                if time.monotonic() > self._reached + OUTAGE:
                    self._trouble = ServerUnavailableError(f"nothing was heard of the jobs for {OUTAGE:.0f} s: {error}")
                time.sleep(GLANCE)

    def _expecting(self) -> bool:
        with self._changing:
            if not self._jobs:
                self._thread = None
            return bool(self._jobs)

    def _hear(self, timeout: float) -> None:
        try:
            job_id, news = self.channel.get(timeout=timeout)
        except queue.Empty:
            return
        if isinstance(news, Printed):
            _write(news)
        elif job_id in self._jobs:
            self._jobs[job_id].hear(news)

    def _glance(self) -> None:
        dead = [job for job in list(self._jobs.values()) if job.looks_dead()]
        for _ in range(self.channel.qsize() if dead else 0):  # their last words may be there
            self._hear(timeout=0)
        for job in dead:
            job.bury()


def _write(news: Printed) -> None:
    # Past the text layer: what this process has half written there stays together, as if it had its own buffer.
    stream = sys.stdout if news.stream == 1 else sys.stderr
    with suppress(OSError, ValueError):  # a terminal that is gone, a file that is closed
        if hasattr(stream, "buffer"):
            stream.buffer.write(news.text)
            stream.buffer.flush()
        elif stream is not None:
            stream.write(news.text.decode(errors="replace"))
            stream.flush()
