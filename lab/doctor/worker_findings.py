"""From facts to findings about workers: pure functions, as for a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from gettext import gettext as _
from gettext import ngettext, pgettext

from jobs.exchange.worker_list import WorkerInfo
from lab.doctor.facts import ClockOffset, ProbeResult, Versions
from lab.doctor.findings import Finding, Status, ok, problem, wrong_clock
from lab.formatting import format_age
from lab.language import N_

WORKER, WORKERS, HOST = N_("worker {name}"), N_("workers"), N_("host {name}")  # the subjects of findings
OTHER_VERSION = {
    "Python": N_(
        "Python {theirs} there, {ours} here: functions of __main__ are sent as bytecode, which another version cannot "
        "run"
    ),
    "rq": N_("rq {theirs} there, {ours} here: one version may not be able to read what the other writes about a job"),
    "redis": N_("redis {theirs} there, {ours} here: its default timeouts and retries differ"),
    "multiprocessing-lab": N_(
        "multiprocessing-lab {theirs} there, {ours} here: one version may not be able to read the other's jobs and "
        "handles"
    ),
}
CLOCK_AHEAD = N_(
    "its clock is {difference} ahead of the server's: RQ compares the clocks of hosts, and abandons running jobs from "
    "a difference of {limit} s on"
)
CLOCK_BEHIND = N_(
    "its clock is {difference} behind the server's: RQ compares the clocks of hosts, and abandons running jobs from "
    "a difference of {limit} s on"
)


def worker_findings(workers: Sequence[WorkerInfo], probes: Sequence[ProbeResult], here: Versions) -> list[Finding]:
    """Return all findings about the workers of a queue; `here` is what this host has installed."""
    if not workers:
        return [ok(WORKERS, _("there are none; the lab starts its own for each run"))]
    return [*_silent_workers(workers), *_busy_workers(workers, probes), *_all_hosts(workers, probes, here)]


def _silent_workers(workers: Sequence[WorkerInfo]) -> Iterator[Finding]:
    for worker in workers:
        if worker.problem:
            text = _("does not respond, last heartbeat {age} ago: {problem}")
            text = text.format(age=format_age(worker.heartbeat_age), problem=_(worker.problem))
            fix = _("check host {host}; `lab worker` starts new workers").format(host=worker.host)
            yield problem(WORKER, text, fix, worker.name)


def _busy_workers(workers: Sequence[WorkerInfo], probes: Sequence[ProbeResult]) -> Iterator[Finding]:
    probed = {probe.worker for probe in probes}
    busy = [worker.name for worker in workers if worker.responds and worker.name not in probed]
    if busy:
        text = _("{workers}: busy, so not probed").format(workers=pgettext("list", ", ").join(busy))
        yield Finding(WORKERS, Status.UNKNOWN, text)


def _all_hosts(workers: Sequence[WorkerInfo], probes: Sequence[ProbeResult], here: Versions) -> Iterator[Finding]:
    alive = [worker for worker in workers if worker.responds]
    for host in dict.fromkeys([*(worker.host for worker in alive), *(probe.host for probe in probes)]):
        yield from _one_host(
            host,
            [worker for worker in alive if worker.host == host],
            [probe for probe in probes if probe.host == host],
            here,
        )


def _one_host(
    host: str, workers: Sequence[WorkerInfo], probes: Sequence[ProbeResult], here: Versions
) -> Iterator[Finding]:
    problems = list(
        dict.fromkeys(
            [*_failures(host, probes), *_versions(host, workers, probes, here), *_clock(host, workers, probes)]
        )
    )
    if problems:
        yield from problems
    elif workers:
        text = ngettext(
            "{count} worker, with the versions of this host",
            "{count} workers, with the versions of this host",
            len(workers),
        )
        yield ok(HOST, text.format(count=len(workers)), host)


def _failures(host: str, probes: Sequence[ProbeResult]) -> Iterator[Finding]:
    install = _("install this project there, for the Python that runs the worker, and restart it")
    for probe in probes:
        if probe.failed:
            text = _("a worker cannot run the lab's jobs: {error}").format(error=probe.failed)
            yield problem(HOST, text, install, host)
        if probe.missing:
            modules = pgettext("list", ", ").join(probe.missing)
            yield problem(HOST, _("modules are missing there: {modules}").format(modules=modules), install, host)


def _versions(
    host: str, workers: Sequence[WorkerInfo], probes: Sequence[ProbeResult], here: Versions
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
                text = _(OTHER_VERSION[name]).format(theirs=theirs, ours=ours)
                fix = _("install {package} {version} there").format(package=name, version=ours)
                yield problem(HOST, text, fix, host)


def _clock(host: str, workers: Sequence[WorkerInfo], probes: Sequence[ProbeResult]) -> list[Finding]:
    """Return one finding if the host's clock is wrong: from what its workers report, or else from a probe."""
    reported = [ClockOffset(worker.clock_offset, 0.0) for worker in workers if worker.clock_offset is not None]
    measured = [probe.clock for probe in probes if probe.clock]
    findings = [wrong_clock(HOST, offset, CLOCK_AHEAD, CLOCK_BEHIND, host) for offset in [*reported, *measured]]
    return [finding for finding in findings if finding][:1]


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
