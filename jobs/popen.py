"""The parent's side of a job: what multiprocessing calls a popen object, which starts a process and waits for it."""

from __future__ import annotations

import signal
import sys
import threading
import time
import uuid
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import ClassVar, Protocol

import redis
from rq.exceptions import AbandonedJobError
from rq.job import Job
from rq.results import Result

from broker.engine.waiting import deadline_of
from broker.errors import BrokerError
from jobs.exchange import claim, control
from jobs.exchange.pickling import dumps
from jobs.exchange.program import Program
from jobs.exchange.program_folder import ProgramFolder
from jobs.exchange.status import POLL_INTERVAL, Exited, FolderRequest, Started
from jobs.job_context import JobContext
from jobs.worker import process_job

ABANDONED = AbandonedJobError.__name__  # RQ's result for a job whose worker was killed; the job itself may still run

# So many checks in a row must find a dequeued job not claimed, before it is requeued; or a job that has started not
# alive, before it counts as lost.
MAX_FAILED_CHECKS = 3
MAX_STARTING_CHECKS = 10  # and a job that was claimed neither started nor alive, before it counts as lost


class Startable(Protocol):
    """A process that can be started; `jobs.Process` is one."""

    _context: ClassVar[JobContext]
    name: str

    @property
    def authkey(self) -> bytes:
        """The key for the sockets that its parent hands over."""


class Popen:
    """A process that was started as a job.

    `id` is the job's. `pid` and `host` are None until it is known to have started, `returncode` until it is known to
    have ended.
    """

    method = "rq"
    sentinel = None  # multiprocessing reads it when the process starts; `open_sentinel` creates it when it is used

    def __init__(self, process: Startable) -> None:
        self.pid: int | None = None
        self.host: str | None = None
        self.returncode: int | None = None
        self._result_pending = True  # whether RQ may still store a result
        self.job: Job | None = None
        context = process._context
        self._children = context.children()
        self._condition = threading.Condition()  # reentrant, unlike an Event: signal handlers may close the context
        self._sentinel_pipe: tuple[Connection, Connection] | None = None
        self._unclaimed_checks = 0  # how many checks in a row have found it dequeued and not claimed
        self._unlocked_checks = 0  # … and have found its liveness lock free
        self._start_timeout = context.start_timeout
        self._enqueued_at = time.monotonic()
        self.id = uuid.uuid4().hex
        self._liveness_lock = control.liveness_lock(context.url, self.id)
        self._signals = control.signal_queue(context.url, self.id)
        program = Program.of(process, context.start_method)
        self._folder = ProgramFolder.here(program.main.root, program.files, self._children.folder_store.key)
        payload = dumps((bytes(process.authkey), program, self._folder))
        self._ignores_interrupts = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # which it inherits
        status = self._children.status
        context.delete_on_close(self._liveness_lock, self._signals)
        self._children.add(self)
        try:
            status.subscribe(self.id, self)
            self.job = context.enqueue(process.name, self.id, process_job.run, payload, context.url, status.queue.name)
        except BaseException as error:
            self._withdraw(interrupted=not isinstance(error, Exception))
            raise

    def poll(self) -> int | None:
        """Return the exit code, or None."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the exit code when the job has exited, or None after `timeout` seconds.

        Raises `ServerUnavailableError` if the server has been unreachable for as long as requests are repeated.
        """
        deadline = deadline_of(True, timeout)
        while self.returncode is None and (left := deadline - time.monotonic()) > 0:
            with self._condition:
                self._condition.wait_for(lambda: self.returncode is not None, min(left, POLL_INTERVAL))
            self._children.status.check()
        return self.returncode

    def terminate(self) -> None:
        """Send it a SIGTERM, or remove it from the queue."""
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it a SIGKILL, or remove it from the queue."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; if it still waits for a worker, remove it from the queue and record the signal."""
        if self.returncode is not None:
            return
        if self._remove_from_queue():
            self._set_returncode(-number)
        else:
            self._signals.put(number)

    def interrupt(self) -> None:
        """Send it what a terminal sends at a Ctrl-C: a SIGINT to its process group."""
        if self.returncode is not None:
            return
        if self.pid is None and self._ignores_interrupts:
            return
        if self._remove_from_queue():
            self._set_returncode(-signal.SIGINT)
        else:
            self._signals.put(-signal.SIGINT)  # as with kill(2), a negative number is for the process group

    def _remove_from_queue(self) -> bool:
        if self.pid is None and self._children.rq_queue.remove(self.id):
            self._result_pending = False
            return True
        return False

    def _withdraw(self, interrupted: bool) -> None:
        """Make sure that a job whose start has failed does not run; if `interrupted`, it may have been enqueued."""
        self._children.remove(self)
        self._children.status.unsubscribe(self.id)
        if interrupted:
            with suppress(BrokerError, redis.RedisError):
                if not self._children.rq_queue.withdraw(self.id):
                    self._signals.put(signal.SIGKILL)

    def __reduce__(self) -> tuple[object, ...]:
        return type(None), ()  # a process that travels is not its receiver's child

    def close(self) -> None:
        """Do nothing: its keys on the server are deleted when its context is closed."""

    def delete_job(self) -> None:
        """Delete RQ's record of it."""
        if self.job is not None:
            self._children.rq_queue.delete_job(self.job, self._result_pending)

    def mark_killed(self) -> None:
        """Treat it as killed, unless its exit code is known."""
        self._set_returncode(-signal.SIGKILL)

    def open_sentinel(self) -> int:
        """Return a file descriptor that is readable when the job has ended."""
        with self._condition:
            if self._sentinel_pipe is None:
                self._sentinel_pipe = Pipe(duplex=False)
                if self.returncode is not None:
                    self._sentinel_pipe[1].send_bytes(b"")
        return self._sentinel_pipe[0].fileno()

    def on_status(self, message: Started | FolderRequest | Exited) -> None:
        """Record that the job has started or exited, or send it the program's folder."""
        if isinstance(message, Started):
            self.pid, self.host = message
        elif isinstance(message, FolderRequest):
            self._children.folder_store.put(self._folder)
        else:
            self._set_returncode(message.exitcode)

    def is_lost(self) -> bool:
        """Ask the server whether the job is gone without having sent `Exited`."""
        if self.job is None:
            return False
        result = self.job.latest_result()
        if result is not None and ABANDONED not in (result.exc_string or ""):
            return True
        if self.pid is not None or result is not None:
            # Not at once: after a loss of the server's data, a job has to acquire its lock again.
            return self._is_unlocked(MAX_FAILED_CHECKS)
        if claim.is_claimed(self.job):  # its worker, or its host, may fail before the process starts
            return self._is_unlocked(MAX_STARTING_CHECKS)
        self._wait_for_worker(time.monotonic() - self._enqueued_at)
        return self._is_deleted()

    def _is_unlocked(self, max_checks: int) -> bool:
        alive = self._children.status.is_recovering() or self._liveness_lock.locked()
        self._unlocked_checks = 0 if alive else self._unlocked_checks + 1
        return self._unlocked_checks >= max_checks

    def _wait_for_worker(self, waited: float) -> None:
        assert self.job is not None
        if waited >= POLL_INTERVAL:
            self._children.warn_of_waiting()
        timeout = self._start_timeout
        if timeout is not None and waited >= timeout and self._remove_from_queue():
            print(f"{self.job.description} did not start: no worker was free within {timeout:g} s", file=sys.stderr)
            self._set_returncode(1)

    def _is_deleted(self) -> bool:
        """Return whether a job that has not started was deleted; requeue it if its worker does not claim it."""
        assert self.job is not None
        rq_queue = self._children.rq_queue
        self._unclaimed_checks = self._unclaimed_checks + 1 if rq_queue.is_dequeued(self.job) else 0
        if self._unclaimed_checks >= MAX_FAILED_CHECKS:
            rq_queue.requeue(self.job)
        return not self.job.connection.exists(self.job.key)

    def on_lost(self) -> None:
        """Record that the job is lost, unless it has exited by now: killed, lost with its host, or never started."""
        if self.returncode is not None:
            return
        assert self.job is not None
        result = self.job.latest_result()
        self._result_pending = False
        if self.pid is None and not claim.is_claimed(self.job):
            self._children.rq_queue.remove(self.id)  # RQ may have failed a job that was requeued
            reason = result.exc_string if result else "its job was deleted"
            print(f"{self.job.description} did not start: {reason}", file=sys.stderr)
            self._set_returncode(1)
        elif result is not None and result.type is Result.Type.SUCCESSFUL:
            self._set_returncode(0)
        else:
            self._signals.put(signal.SIGKILL)  # in case it was only cut off: it must not continue
            self._set_returncode(-signal.SIGKILL)

    def _set_returncode(self, exitcode: int) -> None:
        with self._condition:
            if self.returncode is not None:
                return
            self.returncode = exitcode
            if self._sentinel_pipe is not None:
                self._sentinel_pipe[1].send_bytes(b"")
            self._condition.notify_all()
        self._children.status.unsubscribe(self.id)
