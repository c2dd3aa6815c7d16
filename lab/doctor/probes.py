"""Probes: one job for each idle worker, which reports what it finds there; no worker takes two."""

from __future__ import annotations

import importlib.util
import platform
import socket
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from gettext import gettext as _
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
from lab.doctor.facts import ClockOffset, ProbeResult, Versions
from lab.doctor.server_facts import clock_offset, round_trips
from lab.errors import LabError

MODULES = ("broker", "jobs", "lab.exercises", "cloudpickle", "click", "rich")
IDLE_STATES = ("started", "idle")  # as RQ calls them
BARRIER_TIMEOUT = 15.0  # seconds for which probes wait for each other: a busy machine may take long to start them
POLL_INTERVAL = 0.05  # seconds
RESULT_TIMEOUT = 10  # seconds to wait for each of the last results: a work horse imports everything first
MAX_RESENT = 3  # probes for each worker: one that fails at once may take another's
ROUND_TRIPS = 5

Report: TypeAlias = tuple[str, Versions, tuple[str, ...], ClockOffset]


def versions_here() -> Versions:
    """Return the versions installed on this host."""
    return Versions(platform.python_version(), VERSION, redis.__version__, project_version())


def probe(all_started: Event) -> Report:
    """Report what is here, after every worker has started a probe; a worker runs this."""
    job = rq.get_current_job()
    assert job is not None, "only an RQ worker calls this"
    all_started.wait(BARRIER_TIMEOUT)
    missing = tuple(name for name in MODULES if not _is_installed(name))
    return socket.gethostname(), versions_here(), missing, clock_offset(round_trips(job.connection, ROUND_TRIPS))


def probe_workers(url: str, queue: str, workers: Sequence[WorkerInfo]) -> list[ProbeResult]:
    """Return what probes find on the idle workers; the probes leave nothing on the server."""
    hosts = {worker.name: worker.host for worker in workers if worker.responds and worker.state in IDLE_STATES}
    if not hosts:
        return []
    with closing(jobs.Context(url, queue=queue)) as context:
        all_started = context.Event()
        probes = _Probes(context, all_started)
        try:
            probes.send(len(hosts))
            return probes.collect(hosts)
        finally:
            all_started.set()
            probes.clear()


class _Probes:
    def __init__(self, context: jobs.Context, all_started: Event) -> None:
        self._context = context
        self._all_started = all_started
        self._jobs: list[Job] = []

    def send(self, count: int) -> None:
        for _number in range(count):
            name = uuid.uuid4().hex
            self._jobs.append(self._context.enqueue("a probe of lab doctor", name, probe, self._all_started))

    def collect(self, hosts: dict[str, str]) -> list[ProbeResult]:
        """Return the results from those of these workers that took a probe in time."""
        deadline = time.monotonic() + BARRIER_TIMEOUT
        resent = 0
        while time.monotonic() < deadline:
            probed = {job.worker_name for job in self._jobs if _refreshed(job)}
            failures = [result for job in self._jobs if (result := _result(job, hosts)) and result.failed]
            if hosts.keys() <= probed | {result.worker for result in failures}:
                break
            more = min(len(failures), MAX_RESENT * len(hosts)) - resent
            self.send(more)
            resent += more
            time.sleep(POLL_INTERVAL)
        self._all_started.set()
        started = [job for job in self._jobs if not self._context.children().rq_queue.remove(job.id)]
        return [result for job in started if (result := _result(job, hosts, RESULT_TIMEOUT))]

    def clear(self) -> None:
        queue = self._context.children().rq_queue
        for job in self._jobs:
            queue.delete_job(job, result_pending=not queue.remove(job.id))


def _refreshed(job: Job) -> bool:
    try:
        job.refresh()
    except Exception as error:
        raise LabError(_("the doctor's probes were deleted from the server; try again")) from error
    return True


def _result(job: Job, hosts: dict[str, str], timeout: int = 0) -> ProbeResult | None:
    """Return what a probe found, or why it failed; None if that is not known after `timeout` seconds."""
    result = job.latest_result(timeout=timeout)
    if result is None:
        return None
    worker = result.worker_name or "?"
    if result.type is not Result.Type.SUCCESSFUL:
        return ProbeResult(worker, hosts.get(worker, "?"), failed=(result.exc_string or "?").strip().splitlines()[-1])
    host, versions, missing, clock = cast(Report, result.return_value)
    return ProbeResult(worker, host, versions, missing, clock)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False
