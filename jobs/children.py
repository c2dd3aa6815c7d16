"""The jobs that one process has started in one context: its children."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.util import Finalize
from typing import Protocol

import redis

from broker.errors import BrokerError
from broker.transport.address import without_password
from jobs.exchange.rq_queue import CLOSE_TIMEOUT, RqQueue
from jobs.exchange.status import StatusReader
from jobs.exchange.worker_list import worker_count

# Exit priorities. When a process ends, multiprocessing first runs the finalizers whose priority is 0 or higher, then it
# terminates daemonic children and joins the others, and then it runs the other finalizers.
BEFORE_CHILDREN, AFTER_CHILDREN = 0, -10


class Child(Protocol):
    """A job that this process has started."""

    def kill(self) -> None:
        """Send it a SIGKILL, or remove it from the queue."""

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the exit code when it has exited, or None after `timeout` seconds."""

    def delete_job(self) -> None:
        """Delete RQ's record of it."""

    def mark_killed(self) -> None:
        """Treat it as killed, unless its exit code is known."""


class Children:
    """All jobs of a context that the process `pid` has started; `rq_queue` and `status` are what they share."""

    def __init__(self, url: str, queue: str) -> None:
        self.pid = os.getpid()
        self._url, self._queue = url, queue
        self._checked_workers = False
        self.rq_queue = RqQueue(url, queue)
        self.status = StatusReader(url)
        self._children: list[Child] = []
        self._interrupt = Finalize(None, self._pass_on_interrupt, exitpriority=BEFORE_CHILDREN)

    def add(self, child: Child) -> None:
        """Add a job that was started."""
        self._children.append(child)

    def warn_without_workers(self) -> None:
        """Write a warning to standard error if no worker listens on the queue; this asks once."""
        if self._checked_workers:
            return
        self._checked_workers = True
        if not worker_count(self._url, self._queue):
            where = f"queue {self._queue!r} of {without_password(self._url)}"
            print(f"no worker listens on {where}: processes wait; start workers with `lab worker`", file=sys.stderr)

    def close(self) -> None:
        """Kill all jobs, and delete RQ's records of them."""
        self._interrupt.cancel()
        with suppress(redis.ConnectionError, redis.TimeoutError, BrokerError):  # then RQ's records expire
            self._kill()
            self._delete_jobs()
        for child in self._children:
            child.mark_killed()

    def _kill(self) -> None:
        for child in self._children:
            child.kill()
        deadline = time.monotonic() + CLOSE_TIMEOUT
        for child in self._children:
            child.wait(max(0.0, deadline - time.monotonic()))
        self.status.close()

    def _delete_jobs(self) -> None:
        for child in self._children:
            child.delete_job()
        self.rq_queue.close()

    def _pass_on_interrupt(self) -> None:
        # A terminal's Ctrl-C reaches local children, but no jobs. Without this, the program would wait for them to end.
        if getattr(sys, "last_type", None) is KeyboardInterrupt:
            for child in self._children:
                child.signal(signal.SIGINT)
