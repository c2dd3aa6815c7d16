"""The RQ worker behind `lab worker`: it stops between two jobs, and bears a server that is away."""

from __future__ import annotations

import functools
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
from jobs.worker.child_process import running

LOOK = 1  # seconds for which it waits for a job before it looks whether it is to stop
UNHEARD = 30  # seconds without one after which RQ takes its job for abandoned
MAINTENANCE = 10  # seconds between looks for abandoned jobs
PATIENCE = 10  # seconds for which it waits for a reply
TWICE = timedelta(seconds=1)  # Ctrl-C comes from the terminal and from the parent
AWAY = (redis.ConnectionError, redis.TimeoutError)
PROCESS = f"{process_job.run.__module__}.{process_job.run.__qualname__}"

log = logging.getLogger(__name__)


def new_name() -> str:
    """Return a name for a worker of this process: its host, its process id, and what makes it new."""
    return f"{socket.gethostname()}/{os.getpid()}/{random.getrandbits(32):08x}"


@functools.cache
def project_version() -> str:
    """Return the version of this project, or a question mark where it was not installed."""
    try:
        return version("multiprocessing-lab")
    except PackageNotFoundError:
        return "?"


class Worker(rq.Worker):
    """RQ's worker, with these differences.

    A job that is a process has a process of its own already, so it needs no work horse besides.

    SIGTERM and SIGINT never break into what it does: it finishes the job that it runs and begins no other; one that it
    has taken by then goes back to the head of the queue, and its keys are deleted. Sent again, a second later or more,
    they kill what runs, which is told and written down as ever. The death of the process that forked it counts as
    a request to stop.

    While the server is away it tries again once a second.
    """

    job_class = SignedJob

    def __init__(self, *args: Any, **options: Any) -> None:
        suiting = {
            "worker_ttl": WORKER_TTL - 60,
            "maintenance_interval": MAINTENANCE,
            "job_monitoring_interval": HEARTBEAT_INTERVAL,
        }
        super().__init__(*args, **suiting | options)

    # What it does with a job.

    def execute_job(self, job: Job, queue: rq.Queue) -> None:
        if self._stop_requested:
            claim.requeue_job(queue, job.id)
        else:
            self._begin(job, queue)

    def _begin(self, job: Job, queue: rq.Queue) -> None:
        assert isinstance(job, SignedJob)
        job.verify_queue(queue.name)
        function = _function_of(job)
        what = f"{job.description if function == PROCESS else function} ({job.id})"  # RQ describes by arguments
        log.info("%s begins %s", self.name, what)
        started = time.monotonic()
        if function == PROCESS:
            self._run_here(job, queue)
        else:
            super().execute_job(job, queue)
        log.info("%s has ended %s after %.1f s", self.name, what, time.monotonic() - started)

    def _run_here(self, job: Job, queue: rq.Queue) -> None:
        execution = self.prepare_execution(job)  # first: if this worker is killed, RQ or the list knows of the job
        if claim.claim_job(queue, job, self.name):
            with self._beating(job, execution):
                self.perform_job(job, queue, execution)
        else:
            log.warning("%s is too late: %s was put back", self.name, job.id)
            with self.connection.pipeline() as transaction:
                self.cleanup_execution(job, transaction, execution)
                transaction.execute()
        self.set_state(WorkerStatus.IDLE)

    def handle_exception(self, job: Job, *raised: Any) -> None:
        log.info("%s: %s has failed", self.name, job.id)  # RQ's result says why, and that may be nobody else's business
        call_exception_handlers(self._exc_handlers, job, *raised)

    # How it stops.

    def bootstrap(self, *args: Any, **options: Any) -> None:
        self._install_signal_handlers()  # type: ignore[no-untyped-call]
        super().bootstrap(*args, **options)

    def _shutdown(self) -> None:
        self._stop_requested = True

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        assert self._shutdown_requested_date is not None
        if now() - self._shutdown_requested_date >= TWICE:
            self.kill_horse()

    def kill_horse(self, sig: Signals = SIGKILL) -> None:
        if self.horse_pid:  # or else RQ would kill the group of this process
            super().kill_horse(sig)
        for child in list(running):
            child.signal(sig)

    def register_death(self) -> None:
        super().register_death()  # type: ignore[no-untyped-call]
        self.connection.delete(self.key)

    # How it waits for a job.

    @property
    def connection_timeout(self) -> int:
        return PATIENCE

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, rq.Queue] | None:
        beat, away = 0.0, False
        while not (self._stop_requested or _orphaned()):
            try:
                if away or time.monotonic() >= beat:
                    self._show_idle()
                    beat, away = time.monotonic() + HEARTBEAT_INTERVAL, False
                if self.should_run_maintenance_tasks:
                    self.run_maintenance_tasks()  # type: ignore[no-untyped-call]
                return self.queue_class.dequeue_any(
                    self._ordered_queues,
                    timeout and LOOK,  # None in RQ's burst mode, which ends when the queue is empty
                    self.connection,
                    self.job_class,
                    self.serializer,
                    self.death_penalty_class,
                )
            except DequeueTimeout:
                pass
            except AWAY as error:
                if not away:
                    log.warning("%s does not reach the server: %s", self.name, error)
                away = True
                time.sleep(LOOK)
        raise StopRequested

    # How it shows that it lives.

    def _show_idle(self) -> None:
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
        register(self, pipeline)  # again, since a server may have lost what it had

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        return UNHEARD

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        with suppress(*AWAY):
            super().maintain_heartbeats(job, execution)

    @contextmanager
    def _beating(self, job: Job, execution: Execution) -> Iterator[None]:
        def beat() -> None:
            while not ended.wait(self.job_monitoring_interval):
                self.maintain_heartbeats(job, execution)

        ended = threading.Event()
        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _pubsub_exception_handler(self, *_: object) -> None:
        time.sleep(LOOK)  # and subscribe again, whatever it was


def _function_of(job: Job) -> str:
    try:
        return str(job.func_name)
    except DeserializationError:  # the work horse will find that, too, and write it down
        return "what cannot be read"


def _orphaned() -> bool:
    parent = multiprocessing.parent_process()
    return parent is not None and parent.pid != os.getppid()
