"""The function of a job: it starts the process, forwards its output and its signals, and reports its exit code.

The process is a child of the one that runs this function, as it would be a child of its parent with multiprocessing. So
it counts as alive while it is paused or keeps its own threads from running, a signal reaches it in any state, what it
printed before it was killed is not lost, and its exit code is the system's.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing.pool import RemoteTraceback  # type: ignore[attr-defined]

import rq

from broker.engine.handle import Handle
from broker.errors import BrokerError
from broker.locks.lock import Lock
from jobs.exchange.client import SERVER_ERRORS, client_without_retries
from jobs.exchange.control import liveness_lock, parent_lock, signal_queue
from jobs.exchange.pickling import PrePickled
from jobs.exchange.program_folder import ProgramFolder
from jobs.exchange.queues import SimpleQueue
from jobs.exchange.status import Exited, FolderRequest, Output, Started, StatusWriter
from jobs.worker.child_process import ChildProcess
from jobs.worker.folder_copy import local_copy, remove_unused_copies

POLL_INTERVAL = 0.5  # seconds between checks that the liveness lock is still held
NULL_SIGNAL = 0  # in the queue of signals: stop forwarding


def run(payload: bytes, url: str, status_queue: str) -> PrePickled | None:
    """Run a process on this worker, and return what its `run` returned.

    Raises `ChildProcessError` if the exit code is not 0; its cause is what the process raised.
    """
    job = rq.get_current_job()
    assert job is not None, "only an RQ worker calls this"
    status = StatusWriter(url, status_queue, job.id)
    orphaned: bool | None = False  # None while unknown

    def find_folder(folder: ProgramFolder) -> str:
        if folder.is_here():
            return folder.path
        StatusWriter(url, status_queue, job.id).send(FolderRequest())
        return local_copy(folder, url)

    parent = parent_lock(url, status_queue)
    with closing(ChildProcess(payload, find_folder, parent)) as child:  # a fork, so before any threads are started
        with _holding(liveness_lock(url, job.id)) as lock, _forwarding(signal_queue(url, job.id), child):
            status.send(Started(child.pid, socket.gethostname()))
            while child.alive:
                for stream, text in child.read_output(POLL_INTERVAL):
                    status.send(Output(stream, text))
                if orphaned is None or not lock.held:  # cut off, or the server was down, or has lost its data
                    orphaned = _is_orphaned(url, job.key, lock, status, child.pid)
                if orphaned:
                    child.signal(signal.SIGKILL)
            exitcode = child.join()
            if orphaned is None or not lock.held:
                orphaned = _is_orphaned(url, job.key, lock, status, child.pid)
        status.send(Exited(exitcode))
        remove_unused_copies()
        if orphaned:
            _delete(liveness_lock(url, job.id), signal_queue(url, job.id))
        if exitcode:
            cause = RemoteTraceback(child.error) if child.error else None
            raise ChildProcessError(f"{job.description} ended with exit code {exitcode}") from cause
        return child.return_value


def _is_orphaned(url: str, job_key: str, lock: Lock, status: StatusWriter, pid: int) -> bool | None:
    """Return whether the parent no longer waits for this job, or None if unknown; if it does, acquire the lock again.

    That RQ does not know the job is not enough: the server may have lost its data while the parent still waits. An
    orphan must not acquire the lock: it may be killed before it deletes the lock's key again.
    """
    with suppress(*SERVER_ERRORS), client_without_retries(url) as server:
        known = server.hget(job_key, "created_at")  # the key alone proves nothing: RQ's heartbeat creates it
        if not known and not status.send_confirmed(Started(pid, socket.gethostname())):
            return True
        lock.acquire(block=False)
        return False
    return None


def _delete(*handles: Handle) -> None:
    # The status queue is left to expire: another orphaned job may be checking whether it is read.
    with suppress(BrokerError):
        for handle in handles:
            handle.delete()


@contextmanager
def _holding(lock: Lock) -> Iterator[Lock]:
    lock.acquire()
    try:
        yield lock
    finally:
        with suppress(BrokerError):
            lock.release()


@contextmanager
def _forwarding(signals: SimpleQueue, child: ChildProcess) -> Iterator[None]:
    def forward() -> None:
        number = None
        while number != NULL_SIGNAL:
            with suppress(BrokerError):
                number = signals.get()
                child.signal(number)

    thread = threading.Thread(target=forward, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(BrokerError):
            signals.put(NULL_SIGNAL)
            thread.join()
