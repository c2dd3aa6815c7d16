"""The parent's side of a job: what multiprocessing wants of whatever starts its processes."""

from __future__ import annotations

import signal
import sys
import threading
import time
import uuid
from multiprocessing.connection import Connection, Pipe
from typing import ClassVar, Protocol

from rq.exceptions import AbandonedJobError
from rq.job import Job
from rq.results import Result

from jobs.exchange import control
from jobs.exchange.pickling import dumps
from jobs.exchange.status import GLANCE, Began, Ended
from jobs.job_context import JobContext
from jobs.worker import process_job

ABANDONED = AbandonedJobError.__name__  # what RQ says of a job whose worker was killed; the job itself may live

MERCY = 3  # glances in a row that must not find a job begun, or alive


class Startable(Protocol):
    """A process that can be started; `jobs.Process` is one."""

    _context: ClassVar[JobContext]
    name: str

    @property
    def authkey(self) -> bytes:
        """What opens the sockets that its parent hands over."""


class Popen:
    """A process as a job, from its start on.

    `returncode` is None until it is known to have ended, `pid` and `host` until it is known to have begun.
    """

    method = "rq"
    sentinel = None  # multiprocessing asks for it when the process starts, and few ever use it

    def __init__(self, process: Startable) -> None:
        self.pid: int | None = None
        self.host: str | None = None
        self.returncode: int | None = None
        self._settled = False  # whether RQ has no more to write about it
        self.job: Job | None = None
        context = process._context
        self._children = context.children()
        self._changing = threading.Condition()  # reentrant, unlike an Event: a signal's handler may end what waits here
        self._pipe: tuple[Connection, Connection] | None = None
        self._unbegun = 0  # how many glances in a row have found it taken, and not begun
        self._unseen = 0  # ... and have not found it alive
        self._id = uuid.uuid4().hex
        self._life, self._signals = control.life(context.url, self._id), control.signals(context.url, self._id)
        payload = dumps((bytes(process.authkey), dumps(process)))
        news = self._children.status
        news.follow(self._id, self)
        try:
            self.job = context.enqueue(process.name, self._id, process_job.run, payload, context.url, news.channel.name)
        except BaseException:
            news.drop(self._id)
            raise
        context.adopt(self._life, self._signals)
        self._children.add(self)

    def poll(self) -> int | None:
        """Return the exit code, or None."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the exit code when the job has ended, or None after `timeout` seconds.

        Raises `ServerUnavailableError` if the server is out of reach for as long as calls are repeated.
        """
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        while self.returncode is None and (left := deadline - time.monotonic()) > 0:
            with self._changing:
                self._changing.wait_for(lambda: self.returncode is not None, min(left, GLANCE))
            self._children.status.check()
        return self.returncode

    def terminate(self) -> None:
        """Send it a SIGTERM, or take it off the queue."""
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it a SIGKILL, or take it off the queue."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, whatever it is doing; one that still waits for a worker ends as if it had got it."""
        if self.returncode is not None:
            return
        assert self.job is not None
        if self._children.rq_queue.withdraw(self.job):
            self._settled = True
            self._end(-number)
        else:
            self._signals.put(number)

    def close(self) -> None:
        """Do nothing: what is left of it on the server goes when its context is closed."""

    def forget(self) -> None:
        """Delete what RQ has of it."""
        assert self.job is not None
        self._children.rq_queue.forget(self.job, self._settled)

    def give_up(self) -> None:
        """Take it for dead, unless it is known how it ended."""
        self._end(-signal.SIGKILL)

    def open_sentinel(self) -> int:
        """Return a file descriptor that is ready for reading when the job has ended."""
        with self._changing:
            if self._pipe is None:
                self._pipe = Pipe(duplex=False)
                if self.returncode is not None:
                    self._pipe[1].send_bytes(b"")
        return self._pipe[0].fileno()

    def hear(self, news: Began | Ended) -> None:
        """Take note of what the job said of itself."""
        if isinstance(news, Began):
            self.pid, self.host = news
        else:
            self._end(news.exitcode)

    def looks_dead(self) -> bool:
        """Ask the server whether the job is gone, although it has not said so."""
        if self.job is None:
            return False
        result = self.job.latest_result()
        if result is not None and ABANDONED not in (result.exc_string or ""):
            return True
        if self.pid is None and result is None:
            return self._is_deleted()
        # Not at once: after the server was away, or has lost what it had, a job needs a moment to be seen again.
        self._unseen = 0 if self._life.locked() else self._unseen + 1
        return self._unseen >= MERCY

    def _is_deleted(self) -> bool:
        """Return whether somebody has deleted a job that has not begun; what a worker took in vain goes to another."""
        assert self.job is not None
        ledger = self._children.rq_queue
        self._unbegun = self._unbegun + 1 if ledger.taken(self.job) else 0
        if self._unbegun >= MERCY:
            ledger.put_back(self.job)
        return not self.job.connection.exists(self.job.key)

    def bury(self) -> None:
        """Take note that the job is gone, unless it has said so by now: killed, its host lost, or never begun."""
        if self.returncode is not None:
            return
        assert self.job is not None
        result = self.job.latest_result()
        self._settled = result is None
        if self.pid is None:
            self._children.rq_queue.withdraw(self.job)  # RQ may have given up one that was put back
            why = result.exc_string if result else "somebody has deleted its job"
            print(f"{self.job.description} did not begin: {why}", file=sys.stderr)
            self._end(1)
        elif result is not None and result.type is Result.Type.SUCCESSFUL:
            self._end(0)
        else:
            self._signals.put(signal.SIGKILL)  # for one that was only cut off: it must not go on
            self._end(-signal.SIGKILL)

    def _end(self, exitcode: int) -> None:
        with self._changing:
            if self.returncode is not None:
                return
            self.returncode = exitcode
            if self._pipe is not None:
                self._pipe[1].send_bytes(b"")
            self._changing.notify_all()
        self._children.status.drop(self._id)
