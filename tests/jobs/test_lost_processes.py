"""Workers, work horses and hosts that die, and servers that are away, while a process runs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

import jobs
from broker import ServerUnavailableError
from broker.server.private_server import PrivateServer
from jobs.exchange.control import liveness_lock
from tests.support.actors import TIMEOUT
from tests.support.rq_worker import rq_worker
from tests.support.servers import Server
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
KNOWN = 5.5  # seconds after which a process that could not say that it is dead would be known to be


class Scene:
    """A process that runs; `family` is the process and those that run it, it itself first."""

    def __init__(self, context: jobs.Context) -> None:
        self.go, begun = context.Event(), context.Event()
        self.process = context.Process(target=lambda go: (begun.set(), go.wait()), args=(self.go,))
        self.process.start()
        assert begun.wait(TIMEOUT)
        wait_until(lambda: self.process.pid)
        self.family: list[psutil.Process] = []


@contextmanager
def rqs_worker(url: str) -> Iterator[Scene]:
    with rq_worker(url, "doomed", ROOT) as worker, jobs.get_context(url, queue="doomed") as context:
        scene = Scene(context)
        child = psutil.Process(scene.process.pid)
        scene.family = [child, child.parent(), psutil.Process(worker.pid)]
        yield scene


@contextmanager
def own_worker(url: str) -> Iterator[Scene]:
    with jobs.Workers(url, "doomed", 1), jobs.get_context(url, queue="doomed") as context:
        scene = Scene(context)
        child = psutil.Process(scene.process.pid)
        scene.family = [child, child.parent()]
        yield scene


WORKERS = {"own worker": own_worker, "rq worker": rqs_worker}


@pytest.fixture(params=WORKERS)
def scene(request: pytest.FixtureRequest, url: str) -> Iterator[Scene]:
    with WORKERS[request.param](url) as scene:
        yield scene


def gone(*processes: psutil.Process) -> bool:
    return not psutil.wait_procs(processes, TIMEOUT)[1]


def test_a_process_ends_with_what_has_started_it(scene):
    child, parent, *_ = scene.family
    parent.kill()
    scene.process.join(TIMEOUT)
    assert scene.process.exitcode == -signal.SIGKILL
    assert gone(child)


def test_a_process_that_is_lost_with_its_host_is_known_to_be_dead(scene):
    for part in reversed(scene.family):
        part.kill()
    scene.process.join(TIMEOUT)
    assert scene.process.exitcode == -signal.SIGKILL


def test_a_process_that_was_cut_off_and_given_up_does_not_go_on(scene):
    for part in scene.family:
        part.suspend()
    scene.process.join(TIMEOUT)
    assert scene.process.exitcode == -signal.SIGKILL
    for part in scene.family:
        part.resume()
    assert gone(scene.family[0])


def test_a_process_outlives_a_plain_worker(url):
    with rqs_worker(url) as scene:
        scene.family[-1].kill()
        started = scene.process.job.started_job_registry
        started.cleanup(timestamp=time.time() + 3600)  # as another worker's maintenance does in time
        assert "Abandoned" in scene.process.job.latest_result().exc_string
        scene.process.join(KNOWN)
        assert scene.process.is_alive()
        scene.go.set()
        scene.process.join(TIMEOUT)
        assert scene.process.exitcode == 0


def test_workers_of_ones_own_take_their_process_along(url):
    with own_worker(url) as scene:
        child, worker = scene.family
        worker.terminate()
        scene.process.join(TIMEOUT)
        assert scene.process.exitcode == -signal.SIGKILL
        assert gone(child)


def test_a_process_outlives_a_server_that_is_away_for_longer_than_its_lease(tmp_path):
    with Server(tmp_path) as server, jobs.Workers(server.url, "away", 1), jobs.Context(server.url, queue="away") as ctx:
        scene = Scene(ctx)
        os.kill(server._process.pid, signal.SIGSTOP)
        time.sleep(2.5)
        os.kill(server._process.pid, signal.SIGCONT)
        scene.process.join(KNOWN)
        assert scene.process.is_alive()
        scene.go.set()
        scene.process.join(TIMEOUT)
        assert scene.process.exitcode == 0


def test_a_process_outlives_the_loss_of_its_lease(url):
    with own_worker(url) as scene:
        liveness_lock(url, scene.process.job.id).delete()
        scene.process.join(KNOWN)
        assert scene.process.is_alive()
        scene.go.set()
        scene.process.join(TIMEOUT)
        assert scene.process.exitcode == 0


def test_closing_after_a_host_was_lost_is_quick(url):
    with closing(PrivateServer()) as server, jobs.Workers(server.url, "doomed", 1):
        with jobs.get_context(server.url, queue="doomed") as context:
            scene = Scene(context)
            child = psutil.Process(scene.process.pid)
            child.parent().kill()
        assert scene.process.exitcode == -signal.SIGKILL


def test_a_server_that_stays_away_is_an_error_and_no_hang(tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.exchange.status.OUTAGE_TIMEOUT", 1.0)
    monkeypatch.setattr("broker.transport.connection.RETRY_TIMEOUT", 1.0)
    with Server(tmp_path) as server, jobs.Context(server.url) as context:
        process = context.Process(target=print)
        process.start()
        server.kill()
        with pytest.raises(ServerUnavailableError, match="no status of the jobs for 1 s"):
            process.join(TIMEOUT)
