"""The jobs that one process has started in one context: its children."""

from __future__ import annotations

import math
import os
import sys
import time
import uuid
from contextlib import suppress
from typing import NamedTuple, Protocol

from rq.worker import WorkerStatus

from broker.transport.address import without_password
from jobs.exchange.client import SERVER_ERRORS
from jobs.exchange.program_folder import FolderStore
from jobs.exchange.rq_queue import CLOSE_TIMEOUT, RqQueue
from jobs.exchange.status import POLL_INTERVAL, StatusReader
from jobs.exchange.worker_list import list_workers
from jobs.interrupts import InterruptListener


class Child(Protocol):
    """A job that this process has started."""

    id: str

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


class WorkerSource(NamedTuple):
    """What starts workers, as a message calls it, and how many of them start without being asked for."""

    command: str = "`lab worker`"
    automatic: int = 0


class Children:
    """All jobs of a context that the process `pid` has started, and what they share.

    If `forward_interrupts`, they get the SIGINT of a Ctrl-C in the terminal of this process. `source` is where
    its workers come from; without it, nobody is told that jobs wait for one.
    """

    def __init__(self, url: str, queue: str, forward_interrupts: bool, source: WorkerSource | None) -> None:
        self.pid = os.getpid()
        self._url, self._queue = url, queue
        self._source = source
        self._next_look = 0.0  # for jobs that wait for a worker; infinite when that was said
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

    def warn_of_waiting(self) -> None:
        """Write to standard error, once, how many jobs wait for a worker, if no worker is idle and no more start."""
        if self._source is None or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + POLL_INTERVAL
        waiting = self.rq_queue.count_waiting({child.id for child in self._children})
        workers = [worker for worker in list_workers(self._url, self._queue) if worker.responds]
        if not waiting or len(workers) < self._source.automatic:
            return
        if any(worker.state == WorkerStatus.IDLE for worker in workers):
            return
        self._next_look = math.inf
        who = "1 process waits" if waiting == 1 else f"{waiting} processes wait"
        where = f"queue {self._queue!r} of {without_password(self._url)}"
        if workers:
            why, what = f"the {len(workers)} that listen on {where} are busy", "more"
        else:
            why, what = f"no worker listens on {where}", "some"
        print(f"{who} for a worker: {why}; start {what} with {self._source.command}", file=sys.stderr)

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
