"""The RQ worker of `lab worker`: it stops between two jobs, and survives an outage of the server."""

from __future__ import annotations

import functools
import importlib
import logging
import multiprocessing
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from signal import SIGKILL, Signals
from types import FrameType
from typing import Any

import redis
import rq
from redis.client import Pipeline
from rq.exceptions import DequeueTimeout, DeserializationError, StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.job_lifecycle import call_exception_handlers
from rq.utils import now
from rq.worker import WorkerStatus
from rq.worker_registration import register

from jobs.exchange import claim
from jobs.exchange.job import SignedJob
from jobs.exchange.worker_list import HEARTBEAT_INTERVAL, WORKER_TTL
from jobs.worker import process_job
from jobs.worker.child_process import child_processes

# In seconds.
DEQUEUE_TIMEOUT = 1  # after which the worker checks whether it is to stop
RETRY_INTERVAL = 1  # between attempts to reach the server
PREPARE_TIMEOUT = 5  # for attempts to record that a job begins; then it counts as failed
PREPARE_RETRY_INTERVAL = 0.05  # between these
JOB_HEARTBEAT_TTL = 30  # without a heartbeat for so long, a job counts as abandoned
MAINTENANCE_INTERVAL = 10  # between searches for abandoned jobs
CONNECTION_TIMEOUT = 10  # without a reply for so long, the server counts as unreachable

# What programs often import, and this project does not: the worker imports it, or else each of its processes.
PRELOADED = (
    *("argparse", "cmath", "concurrent.futures.process", "decimal", "fractions", "gzip", "logging.handlers"),
    *("sched", "statistics", "timeit"),
)

FORCE_STOP_DELAY = timedelta(seconds=1)  # a Ctrl-C arrives twice, from the terminal and from the supervisor
CONNECTION_ERRORS = (redis.ConnectionError, redis.TimeoutError)
PROCESS_FUNCTION = f"{process_job.run.__module__}.{process_job.run.__qualname__}"

log = logging.getLogger(__name__)

for _module in PRELOADED:
    importlib.import_module(_module)


def new_name() -> str:
    """Return a unique name for a worker of this process: its host, its process id, and a random number."""
    return f"{socket.gethostname()}/{os.getpid()}/{random.getrandbits(32):08x}"


@functools.cache
def project_version() -> str:
    """Return the version of this project, or a question mark if it is not installed."""
    try:
        return version("multiprocessing-lab")
    except PackageNotFoundError:
        return "?"


class Worker(rq.Worker):
    """RQ's worker, with these differences.

    A job that runs a process gets no work horse, since the process is a child process already.

    SIGTERM and SIGINT do not interrupt the worker: it finishes its current job, starts no other, and deletes its keys.
    A job that it has dequeued by then goes back to the head of the queue. A second signal, at least a second later,
    kills the current job, which is reported and recorded as usual. The exit of the process that forked the worker
    counts as a request to stop.

    During an outage of the server it tries again once per second. A job that it is about to start is not lost if the
    server is back within seconds.
    """

    job_class = SignedJob

    def __init__(self, *args: Any, **options: Any) -> None:
        defaults = {
            "worker_ttl": WORKER_TTL - 60,
            "maintenance_interval": MAINTENANCE_INTERVAL,
            "job_monitoring_interval": HEARTBEAT_INTERVAL,
        }
        super().__init__(*args, **defaults | options)

    # How it runs a job.

    def execute_job(self, job: Job, queue: rq.Queue) -> None:
        if self._stop_requested:
            claim.requeue_job(queue, job.id)
        else:
            self._start(job, queue)

    def _start(self, job: Job, queue: rq.Queue) -> None:
        assert isinstance(job, SignedJob)
        job.verify_queue(queue.name)
        function = _function_of(job)
        what = f"{job.description if function == PROCESS_FUNCTION else function} ({job.id})"  # without arguments
        log.info("%s starts %s", self.name, what)
        started = time.monotonic()
        if function == PROCESS_FUNCTION:
            self._run_process(job, queue)
        else:
            super().execute_job(job, queue)
        log.info("%s finished %s after %.1f s", self.name, what, time.monotonic() - started)

    def _run_process(self, job: Job, queue: rq.Queue) -> None:
        execution = self.prepare_execution(job)  # first: RQ must have a record of the job if this worker is killed
        if claim.claim_job(queue, job, self.name):
            with self._sending_heartbeats(job, execution):
                self.perform_job(job, queue, execution)
        else:
            log.warning("%s does not start %s, which was requeued or has started already", self.name, job.id)
            with self.connection.pipeline() as transaction:
                self.cleanup_execution(job, transaction, execution)
                transaction.execute()
        self.set_state(WorkerStatus.IDLE)

    def prepare_job_execution(self, *args: Any, **options: Any) -> None:
        """Record that a job begins, which may be done again: RQ fails the job if the connection breaks meanwhile."""
        deadline = time.monotonic() + PREPARE_TIMEOUT
        while True:
            try:
                return super().prepare_job_execution(*args, **options)
            except CONNECTION_ERRORS:
                if self._stop_requested or time.monotonic() >= deadline:
                    raise
                time.sleep(PREPARE_RETRY_INTERVAL)

    def handle_exception(self, job: Job, *raised: Any) -> None:
        log.info("%s: %s failed", self.name, job.id)  # the reason is in RQ's result; it may be confidential
        call_exception_handlers(self._exc_handlers, job, *raised)

    # How it stops.

    def bootstrap(self, *args: Any, **options: Any) -> None:
        self._install_signal_handlers()  # type: ignore[no-untyped-call]
        super().bootstrap(*args, **options)

    def _shutdown(self) -> None:
        self._stop_requested = True

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        assert self._shutdown_requested_date is not None
        if now() - self._shutdown_requested_date >= FORCE_STOP_DELAY:
            self.kill_horse()

    def kill_horse(self, sig: Signals = SIGKILL) -> None:
        if self.horse_pid:  # without one, RQ would kill the process group of this process
            super().kill_horse(sig)
        for child in list(child_processes):
            child.signal(sig)

    def register_death(self) -> None:
        super().register_death()  # type: ignore[no-untyped-call]
        self.connection.delete(self.key)

    # How it waits for a job.

    @property
    def connection_timeout(self) -> int:
        return CONNECTION_TIMEOUT

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, rq.Queue] | None:
        next_heartbeat, unreachable = 0.0, False
        while not (self._stop_requested or _orphaned()):
            try:
                if unreachable or time.monotonic() >= next_heartbeat:
                    self._send_idle_heartbeat()
                    next_heartbeat, unreachable = time.monotonic() + HEARTBEAT_INTERVAL, False
                if self.should_run_maintenance_tasks:
                    self.run_maintenance_tasks()  # type: ignore[no-untyped-call]
                return self.queue_class.dequeue_any(
                    self._ordered_queues,
                    timeout and DEQUEUE_TIMEOUT,  # None in RQ's burst mode, which ends when the queue is empty
                    self.connection,
                    self.job_class,
                    self.serializer,
                    self.death_penalty_class,
                )
            except DequeueTimeout:
                pass
            except CONNECTION_ERRORS as error:
                if not unreachable:
                    log.warning("%s cannot reach the server: %s", self.name, error)
                unreachable = True
                time.sleep(RETRY_INTERVAL)
        raise StopRequested

    # How it sends heartbeats.

    def _send_idle_heartbeat(self) -> None:
        with self.connection.pipeline() as transaction:
            self.heartbeat(pipeline=transaction)
            self.set_state(WorkerStatus.IDLE, transaction)
            transaction.hset(self.key, mapping=self.serialize())
            transaction.execute()

    def serialize(self) -> dict[Any, Any]:
        more = {"beat": HEARTBEAT_INTERVAL, "redis_version": redis.__version__, "project_version": project_version()}
        return super().serialize() | more

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        super().heartbeat(WORKER_TTL, pipeline)
        register(self, pipeline)  # each time, since the server may have lost its data

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        return JOB_HEARTBEAT_TTL

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        with suppress(*CONNECTION_ERRORS):
            super().maintain_heartbeats(job, execution)

    @contextmanager
    def _sending_heartbeats(self, job: Job, execution: Execution) -> Iterator[None]:
        def send_heartbeats() -> None:
            while not finished.wait(self.job_monitoring_interval):
                sent.set()
                self.maintain_heartbeats(job, execution)

        finished, sent = threading.Event(), threading.Event()
        thread = threading.Thread(target=send_heartbeats, daemon=True)
        thread.start()
        try:
            yield
        finally:
            finished.set()
            thread.join()
            if sent.is_set():
                with suppress(*CONNECTION_ERRORS):
                    self.connection.delete(execution.key)  # a heartbeat after RQ's clean-up creates it again

    def _pubsub_exception_handler(self, *_: object) -> None:
        time.sleep(RETRY_INTERVAL)  # then RQ subscribes again


def _function_of(job: Job) -> str:
    try:
        return str(job.func_name)
    except DeserializationError:  # the work horse gets the same error, and records it
        return "an unreadable job"


def _orphaned() -> bool:
    parent = multiprocessing.parent_process()
    return parent is not None and parent.pid != os.getppid()
