"""The exercises on three hosts, and what may happen to one of them, or to Redis, in the middle."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.result import judge
from lab.trace import Trace
from tests.compose.conftest import Start
from tests.support.compose import COMMAND_TIMEOUT, ComposeProject, LabContainer, docker
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

TICKETS = ("run", "tickets", "--on", "rq", "--lang", "en", "--clients", "24", "--pace", "2")
KTV = ("run", "ktv", "--on", "rq", "--lang", "en", "--guests", "24", "--rooms", "20", "--pace", "3")
# A line, and how many of it show that all actors are there.
BEGUN = {TICKETS: ("tickets left: ", 24), KTV: (" has a KTV room", 20)}
TELL = "import broker; broker.Context().Event(name='told').set()"
ASK = "import broker; print(broker.Context().Event(name='told').is_set())"
CUT_OFF = 12.0  # seconds, longer than a lease


def hosts(trace: Trace) -> set[str]:
    """Return where the actors played."""
    return {event.host for event in trace.of("starts")}


def lost(trace: Trace) -> set[str]:
    """Return which actors were killed."""
    return {str(event.on) for event in trace.of("joins") if event.value == -9}


def only_lost_with(host: str, trace: Trace) -> bool:
    """Return whether nobody was lost but with `host`, and everybody else came to the end."""
    elsewhere = {event.who for event in trace.of("starts") if event.host != host}
    ended = {event.on for event in trace.of("joins") if event.value == 0}
    everybody = {event.on for event in trace.of("joins")}
    return not lost(trace) & elsewhere and everybody == ended | lost(trace)


def test_tickets_on_three_hosts(project: ComposeProject, start: Start, tmp_path: Path) -> None:
    lab = start("compare", "tickets", "--on", "redis,rq")
    assert lab.finish() == 0, lab.output
    alone, together = sorted(lab.traces(tmp_path), key=lambda trace: trace.backend)
    assert len(hosts(alone)) == 1
    assert hosts(together) == set(project.workers())
    assert judge(together).outcome["sold"] == 5
    fences = [event.fence for event in together.of("enters")]
    assert fences == sorted(fences), "what happened on three hosts stands in one order"


def test_ktv_on_three_hosts(project: ComposeProject, start: Start, tmp_path: Path) -> None:
    lab = start("compare", "ktv", "--on", "rq", "--guests", "40", "--rooms", "6")
    assert lab.finish() == 0, lab.output
    (trace,) = lab.traces(tmp_path)
    assert hosts(trace) == set(project.workers())
    assert judge(trace).outcome["max in rooms"] == 6


def wait_until_begun(lab: LabContainer, words: tuple[str, ...]) -> None:
    """Return when actors run on every host, most of which have far to go."""
    line, count = BEGUN[words]
    wait_until(lambda: lab.output.count(line) >= count, COMMAND_TIMEOUT)


def kill(project: ComposeProject, host: str) -> None:
    docker("kill", host)


def pause(project: ComposeProject, host: str) -> None:
    docker("pause", host)
    time.sleep(CUT_OFF)
    docker("unpause", host)


def cut_off(project: ComposeProject, host: str) -> None:
    docker("network", "disconnect", project.network, host)
    time.sleep(CUT_OFF)
    docker("network", "connect", project.network, host)


@pytest.mark.parametrize(
    ("fault", "words"),
    [(kill, TICKETS), (pause, KTV), (cut_off, TICKETS)],
    ids=["killed", "paused", "cut off"],
)
def test_a_host_that_fails_takes_only_its_own_actors_with_it(
    fault: Callable[[ComposeProject, str], None],
    words: tuple[str, ...],
    project: ComposeProject,
    start: Start,
    tmp_path: Path,
) -> None:
    everywhere = project.workers()
    lab = start(*words)
    wait_until_begun(lab, words)
    host = everywhere[0]
    fault(project, host)
    assert lab.finish() == 0, lab.output
    (trace,) = lab.traces(tmp_path)
    assert hosts(trace) == set(everywhere)
    assert lost(trace), "the fault came too late"
    assert only_lost_with(host, trace), lab.output


def test_redis_is_killed_and_comes_back_with_what_it_knew(
    project: ComposeProject, start: Start, tmp_path: Path
) -> None:
    project.execute("worker", "python3", "-c", TELL)
    lab = start(*TICKETS)
    wait_until_begun(lab, TICKETS)
    docker("kill", project.redis())
    project.compose("start", "redis")
    assert lab.finish() == 0, lab.output
    (trace,) = lab.traces(tmp_path)
    assert judge(trace).outcome["sold"] == 5
    assert not lost(trace)
    assert project.execute("worker", "python3", "-c", ASK) == "True\n"
