"""The worker's side of a process: starts it, passes on what it prints and what it is sent, and tells how it ended.

The process is a child of whatever runs this, as it would be its parent's with multiprocessing. So it is known to live
while it is stopped or keeps its own threads from running, a signal reaches it in any state, what it printed before it
was killed is not lost, and its exit code is the system's.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing.pool import RemoteTraceback  # type: ignore[attr-defined]

import redis
import rq
from rq.job import Job

from broker.engine.handle import Handle
from broker.errors import BrokerError
from broker.locks.lock import Lock
from jobs.exchange.control import liveness_lock, signal_queue
from jobs.exchange.pickling import Pickled
from jobs.exchange.queues import SimpleQueue
from jobs.exchange.status import Exited, Output, Started, StatusWriter
from jobs.worker.child_process import Child

TICK = 0.5  # seconds between looks at whether it still does
NO_MORE = 0  # among the numbers of signals


def run(payload: bytes, url: str, status_queue: str) -> Pickled | None:
    """Run a process; return what its `run` returned. This is what the worker calls.

    Raises `ChildProcessError` for a process that ended with another exit code than 0, because of what it raised.
    """
    job = rq.get_current_job()
    assert job is not None, "only an RQ worker calls this"
    status = StatusWriter(url, status_queue, job.id)
    astray: bool | None = False  # None while it cannot be told
    with closing(Child(payload)) as child:  # before there are threads
        with _holding(liveness_lock(url, job.id)) as own, _passing_on(signal_queue(url, job.id), child):
            status.send(Started(child.pid, socket.gethostname()))
            while child.alive:
                for stream, text in child.output(TICK):
                    status.send(Output(stream, text))
                if astray is None or not own.held:  # cut off, or the server was away, or lost what it had
                    astray = _astray(job, own, status, child.pid)
                if astray:
                    child.signal(signal.SIGKILL)
            exitcode = child.join()
            if astray is None or not own.held:
                astray = _astray(job, own, status, child.pid)
        status.send(Exited(exitcode))
        if astray:
            _leave_nothing(liveness_lock(url, job.id), signal_queue(url, job.id))
        if exitcode:
            raised = RemoteTraceback(child.raised) if child.raised else None
            raise ChildProcessError(f"{job.description} ended with exit code {exitcode}") from raised
        return child.returned


def _astray(job: Job, own: Lock, status: StatusWriter, pid: int) -> bool | None:
    """Take up the lease of life again; return whether the parent is done with this job, None if that cannot be told.

    If RQ does not know the job any more, the server may also have lost its data; but then the parent still listens.
    """
    with suppress(BrokerError, redis.RedisError):
        own.acquire(block=False)
        known = job.connection.hexists(job.key, "data")  # a key there is again after RQ's next heartbeat
        return not known and not status.send_confirmed(Started(pid, socket.gethostname()))
    return None


def _leave_nothing(*handles: Handle) -> None:
    # But the status_queue, which expire: another job that went astray may be finding out that nobody reads them.
    with suppress(BrokerError):
        for handle in handles:
            handle.delete()


@contextmanager
def _holding(own: Lock) -> Iterator[Lock]:
    own.acquire()
    try:
        yield own
    finally:
        with suppress(BrokerError):
            own.release()


@contextmanager
def _passing_on(numbers: SimpleQueue, child: Child) -> Iterator[None]:
    def pass_on() -> None:
        number = None
        while number != NO_MORE:
            with suppress(BrokerError):
                number = numbers.get()
                child.signal(number)

    thread = threading.Thread(target=pass_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(BrokerError):
            numbers.put(NO_MORE)
            thread.join()
