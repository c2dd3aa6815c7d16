"""Probes: a job for each idle worker, which says what it finds there, and lets nobody take two."""

from __future__ import annotations

import importlib.util
import platform
import socket
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from typing import TypeAlias, cast

import redis
import rq
from rq.job import Job
from rq.results import Result
from rq.version import VERSION

import jobs
from broker.locks.event import Event
from jobs.exchange.worker_list import WorkerInfo
from jobs.worker.worker import project_version
from lab.doctor.facts import Clock, Examined, Versions
from lab.doctor.server_facts import clock, trips
from lab.errors import LabError

MODULES = ("broker", "jobs", "lab.exercises", "cloudpickle", "click", "rich")
FREE = ("started", "idle")  # RQ's words for a worker that takes the next job
BARRIER = 5.0  # seconds for which probes wait for each other
TICK = 0.05  # seconds between looks at what became of them
FAREWELL = 2  # seconds for which the last answers are waited for
TRIES = 3  # probes for each worker: one that fails at once may take another's

Answer: TypeAlias = tuple[str, Versions, tuple[str, ...], Clock]


def versions_here() -> Versions:
    """Return what this host has installed."""
    return Versions(platform.python_version(), VERSION, redis.__version__, project_version())


def examine(all_have_one: Event) -> Answer:
    """Say what is here, and wait until every worker has a probe; a worker runs this."""
    job = rq.get_current_job()
    assert job is not None, "only an RQ worker calls this"
    all_have_one.wait(BARRIER)
    missing = tuple(name for name in MODULES if not _found(name))
    return socket.gethostname(), versions_here(), missing, clock(trips(job.connection, 5))


def examine_workers(url: str, queue: str, seen: Sequence[WorkerInfo]) -> list[Examined]:
    """Return what probes have found on the workers that are idle; nothing of them stays behind."""
    hosts = {worker.name: worker.host for worker in seen if worker.responds and worker.state in FREE}
    if not hosts:
        return []
    with closing(jobs.Context(url, queue=queue)) as context:
        all_have_one = context.Event()
        probes = _Probes(context, all_have_one)
        try:
            probes.send(len(hosts))
            return probes.collect(hosts)
        finally:
            all_have_one.set()
            probes.clear()


class _Probes:
    def __init__(self, context: jobs.Context, all_have_one: Event) -> None:
        self._context = context
        self._all_have_one = all_have_one
        self._jobs: list[Job] = []

    def send(self, count: int) -> None:
        for _ in range(count):
            name = uuid.uuid4().hex
            self._jobs.append(self._context.enqueue("a probe of lab doctor", name, examine, self._all_have_one))

    def collect(self, hosts: dict[str, str]) -> list[Examined]:
        """Return what was found on each of these workers that has taken a probe in time."""
        deadline = time.monotonic() + BARRIER
        resent = 0
        while time.monotonic() < deadline:
            asked = {job.worker_name for job in self._jobs if _refreshed(job)}
            failures = [found for job in self._jobs if (found := _outcome(job, hosts)) and found.failed]
            if hosts.keys() <= asked | {found.worker for found in failures}:
                break
            more = min(len(failures), TRIES * len(hosts)) - resent
            self.send(more)
            resent += more
            time.sleep(TICK)
        self._all_have_one.set()
        taken = [job for job in self._jobs if not self._context.children().rq_queue.withdraw(job)]
        return [found for job in taken if (found := _outcome(job, hosts, FAREWELL))]

    def clear(self) -> None:
        ledger = self._context.children().rq_queue
        for job in self._jobs:
            ledger.forget(job, settled=ledger.withdraw(job))


def _refreshed(job: Job) -> bool:
    try:
        job.refresh()
    except Exception as error:
        raise LabError("somebody has deleted the doctor's probes; try again") from error
    return True


def _outcome(job: Job, hosts: dict[str, str], timeout: int = 0) -> Examined | None:
    """Return what a probe has found, or why it failed; None if that is not known after `timeout` seconds."""
    result = job.latest_result(timeout=timeout)
    if result is None:
        return None
    worker = result.worker_name or "?"
    if result.type is not Result.Type.SUCCESSFUL:
        return Examined(worker, hosts.get(worker, "?"), failed=(result.exc_string or "?").strip().splitlines()[-1])
    host, versions, missing, found = cast(Answer, result.return_value)
    return Examined(worker, host, versions, missing, found)


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False
