"""Exercises on three hosts, while one of them, or Redis, fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from lab.result import judge
from lab.trace import Trace
from tests.compose.conftest import StartLab
from tests.support.compose import COMMAND_TIMEOUT, ComposeProject, LabContainer, docker
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

TICKETS = ("run", "tickets", "--on", "rq", "--lang", "en", "--clients", "24", "--pace", "2")
KTV = ("run", "ktv", "--on", "rq", "--lang", "en", "--guests", "24", "--rooms", "20", "--pace", "10")
# A line, and how many of them show that all actors run.
LINES_OF_RUNNING_ACTORS = {TICKETS: ("tickets left: ", 24), KTV: (" has a KTV room", 20)}
SET_EVENT = "import broker; broker.Context().Event(name='told').set()"
READ_EVENT = "import broker; print(broker.Context().Event(name='told').is_set())"

Fault: TypeAlias = Callable[[ComposeProject, str], AbstractContextManager[None]]


def hosts(trace: Trace) -> set[str]:
    """Return the hosts on which actors ran."""
    return {event.host for event in trace.of("starts")}


def killed_actors(trace: Trace) -> set[str]:
    """Return which actors were killed."""
    return {str(event.on) for event in trace.of("joins") if event.value == -9}


def only_actors_of_host_were_killed(host: str, trace: Trace) -> bool:
    """Return whether all killed actors were on `host`, and all others finished."""
    elsewhere = {event.who for event in trace.of("starts") if event.host != host}
    ended = {event.on for event in trace.of("joins") if event.value == 0}
    everybody = {event.on for event in trace.of("joins")}
    return not killed_actors(trace) & elsewhere and everybody == ended | killed_actors(trace)


def test_tickets_on_three_hosts(project: ComposeProject, start: StartLab, tmp_path: Path) -> None:
    lab = start("compare", "tickets", "--on", "redis,rq")
    assert lab.finish() == 0, lab.output
    on_redis, on_rq = sorted(lab.traces(tmp_path), key=lambda trace: trace.backend)
    assert len(hosts(on_redis)) == 1
    assert hosts(on_rq) == set(project.workers())
    assert judge(on_rq).outcome["sold"] == 5
    fences = [event.fence for event in on_rq.of("enters")]
    assert fences == sorted(fences), "the events of three hosts are in one order"


def test_ktv_on_three_hosts(project: ComposeProject, start: StartLab, tmp_path: Path) -> None:
    lab = start("compare", "ktv", "--on", "rq", "--guests", "40", "--rooms", "6")
    assert lab.finish() == 0, lab.output
    (trace,) = lab.traces(tmp_path)
    assert hosts(trace) == set(project.workers())
    assert judge(trace).outcome["max in rooms"] == 6


def wait_until_actors_run(lab: LabContainer, words: tuple[str, ...]) -> None:
    """Return when actors run on every host, most of which have far to go."""
    line, count = LINES_OF_RUNNING_ACTORS[words]
    wait_until(lambda: lab.output.count(line) >= count, COMMAND_TIMEOUT)


# A host that is paused or cut off stays so until the lab has ended: how soon the lab counts its actors as killed
# depends on how busy the machine is.


@contextmanager
def killed(project: ComposeProject, host: str) -> Iterator[None]:
    docker("kill", host)
    yield


@contextmanager
def paused(project: ComposeProject, host: str) -> Iterator[None]:
    docker("pause", host)
    try:
        yield
    finally:
        docker("unpause", host)


@contextmanager
def cut_off(project: ComposeProject, host: str) -> Iterator[None]:
    docker("network", "disconnect", project.network, host)
    try:
        yield
    finally:
        docker("network", "connect", project.network, host)


@pytest.mark.parametrize(
    ("fault", "words"),
    [(killed, TICKETS), (paused, KTV), (cut_off, TICKETS)],
    ids=["killed", "paused", "cut off"],
)
def test_failed_host_loses_only_its_own_actors(
    fault: Fault, words: tuple[str, ...], project: ComposeProject, start: StartLab, tmp_path: Path
) -> None:
    worker_hosts = project.workers()
    lab = start(*words)
    wait_until_actors_run(lab, words)
    host = worker_hosts[0]
    with fault(project, host):
        status = lab.finish()
    assert status == 0, lab.output
    (trace,) = lab.traces(tmp_path)
    assert hosts(trace) == set(worker_hosts)
    assert killed_actors(trace), "the fault came too late"
    assert only_actors_of_host_were_killed(host, trace), lab.output


def test_killed_redis_restarts_with_its_data(project: ComposeProject, start: StartLab, tmp_path: Path) -> None:
    project.execute("worker", "python3", "-c", SET_EVENT)
    lab = start(*TICKETS)
    wait_until_actors_run(lab, TICKETS)
    docker("kill", project.redis())
    project.compose("start", "redis")
    assert lab.finish() == 0, lab.output
    (trace,) = lab.traces(tmp_path)
    assert judge(trace).outcome["sold"] == 5
    assert not killed_actors(trace)
    assert project.execute("worker", "python3", "-c", READ_EVENT) == "True\n"
