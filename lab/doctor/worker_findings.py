"""From facts to findings about workers: pure functions, as for a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobs.exchange.worker_list import WorkerInfo
from lab.doctor.facts import Clock, Examined, Versions
from lab.doctor.finding import SKEW, Finding, Grade, of_clock, ok, wrong
from lab.formatting import age

RISKS = {
    "Python": "functions of __main__ travel as bytecode, which another version cannot run",
    "rq": "one may not read what the other wrote about a job",
    "redis": "its defaults for time-outs and retries differ",
    "multiprocessing-lab": "jobs and handles may not be understood there",
}


def of_workers(seen: Sequence[WorkerInfo], examined: Sequence[Examined], here: Versions) -> list[Finding]:
    """Return all findings about the workers of a queue; `here` is what this host has installed."""
    if not seen:
        return [ok("workers", "none listen; the lab starts its own for each run")]
    return [*_silent(seen), *_unasked(seen, examined), *_of_hosts(seen, examined, here)]


def _silent(seen: Sequence[WorkerInfo]) -> Iterator[Finding]:
    for worker in seen:
        if worker.problem:
            yield wrong(
                f"worker {worker.name}",
                f"does not respond, last heartbeat {age(worker.heartbeat_age)} ago: {worker.problem}",
                f"see to host {worker.host}; `lab worker` starts others",
            )


def _unasked(seen: Sequence[WorkerInfo], examined: Sequence[Examined]) -> Iterator[Finding]:
    asked = {each.worker for each in examined}
    busy = [worker.name for worker in seen if worker.responds and worker.name not in asked]
    if busy:
        yield Finding("workers", Grade.UNSEEN, f"{', '.join(busy)}: busy, so not asked")


def _of_hosts(seen: Sequence[WorkerInfo], examined: Sequence[Examined], here: Versions) -> Iterator[Finding]:
    living = [worker for worker in seen if worker.responds]
    for host in dict.fromkeys([*(worker.host for worker in living), *(each.host for each in examined)]):
        yield from _of_host(
            f"host {host}",
            [worker for worker in living if worker.host == host],
            [each for each in examined if each.host == host],
            here,
        )


def _of_host(
    about: str, living: Sequence[WorkerInfo], examined: Sequence[Examined], here: Versions
) -> Iterator[Finding]:
    problems = list(dict.fromkeys([*_failures(about, examined), *_versions(about, living, examined, here)]))
    for each in living:
        if each.clock_offset is not None and abs(each.clock_offset) > SKEW:
            problems.append(of_clock(about, "its", Clock(each.clock_offset, 0.0)))
            break
    else:
        off = [each.clock for each in examined if each.clock]
        problems += [found for found in (of_clock(about, "its", one) for one in off) if found.grade is Grade.WRONG][:1]
    if problems:
        yield from problems
    elif living:
        yield ok(about, f"{len(living)} worker{'s' * (len(living) > 1)}, with the versions of this host")


def _failures(about: str, examined: Sequence[Examined]) -> Iterator[Finding]:
    install = "install this project there, for the Python that runs the worker, and restart it"
    for each in examined:
        if each.failed:
            yield wrong(about, f"a worker cannot run the lab's jobs: {each.failed}", install)
        if each.missing:
            yield wrong(about, f"modules are missing there: {', '.join(each.missing)}", install)


def _versions(
    about: str, living: Sequence[WorkerInfo], examined: Sequence[Examined], here: Versions
) -> Iterator[Finding]:
    known = [Versions(worker.python, worker.rq, worker.redis or "", worker.project or "") for worker in living]
    for there in [*known, *(each.versions for each in examined if each.versions)]:
        for name, ours, theirs in (
            ("Python", _minor(here.python), _minor(there.python)),
            ("rq", here.rq, there.rq),
            ("redis", here.redis, there.redis),
            ("multiprocessing-lab", here.project, there.project),
        ):
            if theirs and theirs != ours:
                yield wrong(about, f"{name} {theirs} there, {ours} here: {RISKS[name]}", f"install {name} {ours} there")


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
