"""From facts to findings about workers: pure functions, as for a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobs.exchange.worker_list import WorkerInfo
from lab.doctor.facts import ClockOffset, ProbeResult, Versions
from lab.doctor.findings import Finding, Status, clock_finding, ok, problem
from lab.formatting import format_age

RISKS = {  # of a different version
    "Python": "functions of __main__ are sent as bytecode, which another version cannot run",
    "rq": "one version may not be able to read what the other writes about a job",
    "redis": "its default timeouts and retries differ",
    "multiprocessing-lab": "one version may not be able to read the other's jobs and handles",
}


def worker_findings(workers: Sequence[WorkerInfo], probes: Sequence[ProbeResult], here: Versions) -> list[Finding]:
    """Return all findings about the workers of a queue; `here` is what this host has installed."""
    if not workers:
        return [ok("workers", "there are none; the lab starts its own for each run")]
    return [*_silent_workers(workers), *_busy_workers(workers, probes), *_all_hosts(workers, probes, here)]


def _silent_workers(workers: Sequence[WorkerInfo]) -> Iterator[Finding]:
    for worker in workers:
        if worker.problem:
            yield problem(
                f"worker {worker.name}",
                f"does not respond, last heartbeat {format_age(worker.heartbeat_age)} ago: {worker.problem}",
                f"check host {worker.host}; `lab worker` starts new workers",
            )


def _busy_workers(workers: Sequence[WorkerInfo], probes: Sequence[ProbeResult]) -> Iterator[Finding]:
    probed = {probe.worker for probe in probes}
    busy = [worker.name for worker in workers if worker.responds and worker.name not in probed]
    if busy:
        yield Finding("workers", Status.UNKNOWN, f"{', '.join(busy)}: busy, so not probed")


def _all_hosts(workers: Sequence[WorkerInfo], probes: Sequence[ProbeResult], here: Versions) -> Iterator[Finding]:
    alive = [worker for worker in workers if worker.responds]
    for host in dict.fromkeys([*(worker.host for worker in alive), *(probe.host for probe in probes)]):
        yield from _one_host(
            f"host {host}",
            [worker for worker in alive if worker.host == host],
            [probe for probe in probes if probe.host == host],
            here,
        )


def _one_host(
    subject: str, workers: Sequence[WorkerInfo], probes: Sequence[ProbeResult], here: Versions
) -> Iterator[Finding]:
    problems = list(
        dict.fromkeys(
            [*_failures(subject, probes), *_versions(subject, workers, probes, here), *_clock(subject, workers, probes)]
        )
    )
    if problems:
        yield from problems
    elif workers:
        yield ok(subject, f"{len(workers)} worker{'s' * (len(workers) > 1)}, with the versions of this host")


def _failures(subject: str, probes: Sequence[ProbeResult]) -> Iterator[Finding]:
    install = "install this project there, for the Python that runs the worker, and restart it"
    for probe in probes:
        if probe.failed:
            yield problem(subject, f"a worker cannot run the lab's jobs: {probe.failed}", install)
        if probe.missing:
            yield problem(subject, f"modules are missing there: {', '.join(probe.missing)}", install)


def _versions(
    subject: str, workers: Sequence[WorkerInfo], probes: Sequence[ProbeResult], here: Versions
) -> Iterator[Finding]:
    reported = [Versions(worker.python, worker.rq, worker.redis or "", worker.project or "") for worker in workers]
    for there in [*reported, *(probe.versions for probe in probes if probe.versions)]:
        for name, ours, theirs in (
            ("Python", _minor(here.python), _minor(there.python)),
            ("rq", here.rq, there.rq),
            ("redis", here.redis, there.redis),
            ("multiprocessing-lab", here.project, there.project),
        ):
            if theirs and theirs != ours:
                text = f"{name} {theirs} there, {ours} here: {RISKS[name]}"
                yield problem(subject, text, f"install {name} {ours} there")


def _clock(subject: str, workers: Sequence[WorkerInfo], probes: Sequence[ProbeResult]) -> list[Finding]:
    """Return one finding if the host's clock is wrong: from what its workers report, or else from a probe."""
    reported = [ClockOffset(worker.clock_offset, 0.0) for worker in workers if worker.clock_offset is not None]
    measured = [probe.clock for probe in probes if probe.clock]
    findings = [clock_finding(subject, "its", offset) for offset in [*reported, *measured]]
    return [finding for finding in findings if finding.status is Status.PROBLEM][:1]


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
