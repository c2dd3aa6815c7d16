"""The jobs that one process has started in one context: its children."""

from __future__ import annotations

import os
import sys
import time
import uuid
from contextlib import suppress
from typing import Protocol

from broker.transport.address import without_password
from jobs.exchange.client import SERVER_ERRORS
from jobs.exchange.program_folder import FolderStore
from jobs.exchange.rq_queue import CLOSE_TIMEOUT, RqQueue
from jobs.exchange.status import StatusReader
from jobs.exchange.worker_list import worker_count
from jobs.interrupts import InterruptListener


class Child(Protocol):
    """A job that this process has started."""

    def kill(self) -> None:
        """Send it a SIGKILL, or remove it from the queue."""

    def interrupt(self) -> None:
        """Send it what a terminal sends at a Ctrl-C."""

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the exit code when it has exited, or None after `timeout` seconds."""

    def delete_job(self) -> None:
        """Delete RQ's record of it."""

    def mark_killed(self) -> None:
        """Treat it as killed, unless its exit code is known."""


class Children:
    """All jobs of a context that the process `pid` has started, and what they share.

    If `forward_interrupts`, they get the SIGINT of a Ctrl-C in the terminal of this process.
    """

    def __init__(self, url: str, queue: str, forward_interrupts: bool = True) -> None:
        self.pid = os.getpid()
        self._url, self._queue = url, queue
        self._checked_workers = False
        self.rq_queue = RqQueue(url, queue)
        self.status = StatusReader(url)
        self.folder_store = FolderStore(url, uuid.uuid4().hex)
        self._children: list[Child] = []
        self._forward_interrupts = forward_interrupts
        self._listener: InterruptListener | None = None

    def add(self, child: Child) -> None:
        """Add a job before it is started."""
        if self._forward_interrupts and self._listener is None:
            self._listener = InterruptListener(self._interrupt)
        self._children.append(child)

    def remove(self, child: Child) -> None:
        """Remove a job that was not started."""
        self._children.remove(child)

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
        if self._listener is not None:
            self._listener.close()
        try:
            with suppress(*SERVER_ERRORS):  # then RQ's records expire
                self.status.check()  # after an outage, do not wait for as long once more
                self._kill()
                self._delete_jobs()
        finally:
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
        self.folder_store.delete()
        self.rq_queue.close()

    def _interrupt(self) -> None:
        for child in list(self._children):
            with suppress(*SERVER_ERRORS):  # the next Ctrl-C tries again
                child.interrupt()
