"""Workers that are asked to stop: between jobs, in the middle of one, with one in their hands, and twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing

import psutil
import pytest
import rq

import jobs
from broker.server.private_server import PrivateServer
from jobs.exchange.client import client
from jobs.worker.worker import Worker, new_name
from tests.jobs.supervised_workers import Crew
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

RQS = (b"rq:clean_groups", b"rq:queue:many:intermediate:first_seen:")  # its notes of its own tidying; they expire
STOPPED = 5.0  # seconds within which idle workers are gone, on a busy machine
AGAIN = 1.1  # seconds after which a second request is one


@pytest.fixture
def own() -> Iterator[str]:
    """A server for workers that a test stops; every key of theirs must be gone when it ends."""
    with closing(PrivateServer()) as server, client(server.url) as connection:
        yield server.url
        ours = [key for key in connection.keys("*") if not key.startswith(RQS)]
        assert not ours


class Scene:
    """A process that runs until it is told to go, and another that waits for the only worker."""

    def __init__(self, context: jobs.Context) -> None:
        self.go, begun = context.Event(), context.Event()
        self.running = context.Process(target=lambda go: (begun.set(), go.wait()), args=(self.go,))
        self.running.start()
        assert begun.wait(TIMEOUT)
        wait_until(lambda: self.running.pid)
        self.waiting = context.Process(target=int)
        self.waiting.start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_workers_stop_at_once(own: str, number: signal.Signals):
    with Crew(own, "idle", 3) as crew:
        started = time.monotonic()
        crew.signal(number)
        crew.finish()
        assert time.monotonic() - started < STOPPED
        assert not psutil.wait_procs(crew.family, 0)[1]


def test_what_runs_is_finished_and_nothing_else_begun(own: str):
    with Crew(own, "busy") as crew, jobs.get_context(own, queue="busy") as context, client(own) as connection:
        scene = Scene(context)
        crew.signal(signal.SIGTERM)
        with pytest.raises(AssertionError, match="the condition did not become true"):
            wait_until(lambda: not scene.running.is_alive(), 2.0)
        scene.go.set()
        scene.running.join(TIMEOUT)
        assert scene.running.exitcode == 0
        assert "starts" in crew.finish()
        assert connection.lrange("rq:queue:busy", 0, -1) == [scene.waiting.job.id.encode()]
        assert scene.waiting.is_alive()
        with Crew(own, "busy") as other:
            scene.waiting.join(TIMEOUT)
            assert scene.waiting.exitcode == 0
            other.signal(signal.SIGTERM)
            other.finish()


def test_a_second_request_kills_what_runs_and_its_parent_is_told(own: str):
    with Crew(own, "twice") as crew, jobs.get_context(own, queue="twice") as context:
        scene = Scene(context)
        crew.signal(signal.SIGTERM)
        time.sleep(AGAIN)
        assert scene.running.is_alive()
        crew.signal(signal.SIGTERM)
        scene.running.join(TIMEOUT)
        assert scene.running.exitcode == -signal.SIGKILL
        result = scene.running.job.latest_result(timeout=TIMEOUT)
        assert "ended with exit code -9" in result.exc_string
        crew.finish()


def test_a_second_request_ends_a_plain_job_too(own: str):
    with Crew(own, "plain") as crew, client(own) as connection:
        queue = rq.Queue("plain", connection=connection)
        job = queue.enqueue(time.sleep, 100)
        wait_until(lambda: job.get_status() == "started")
        crew.signal(signal.SIGINT)
        time.sleep(AGAIN)
        crew.signal(signal.SIGINT)
        crew.finish()
        assert "terminated unexpectedly" in job.latest_result().exc_string
        job.delete()
        queue.delete()


@pytest.mark.usefixtures("signals")
def test_a_job_that_was_taken_and_not_begun_goes_back_to_the_head_of_the_queue(own: str):
    with client(own) as connection:
        queue = rq.Queue("hands", connection=connection)
        first, second = (queue.enqueue(os.getpid) for _ in range(2))
        worker = Worker([queue], name=new_name(), connection=connection)
        taken = rq.Queue.dequeue_any([queue], None, connection)
        worker.request_stop(signal.SIGTERM, None)
        worker.execute_job(*taken)
        assert queue.job_ids == [first.id, second.id]
        assert not connection.exists(queue.intermediate_queue_key)
        assert first.get_status() == "queued"
        queue.delete(delete_jobs=True)


def test_no_job_is_lost_however_often_workers_come_and_go(own: str):
    with client(own) as connection:
        queue = rq.Queue("many", connection=connection)
        given = []
        for _ in range(4):
            with Crew(own, "many", 2) as crew:
                given += [queue.enqueue(os.getpid) for _ in range(10)]
                wait_until(lambda: queue.count < 8)
                crew.signal(signal.SIGTERM)
                crew.finish()
            assert not connection.exists(queue.intermediate_queue_key)
            done = {job.id for job in given if job.get_status() == "finished"}
            assert done | set(queue.job_ids) == {job.id for job in given}
            assert not done & set(queue.job_ids)
        for job in given:
            job.delete()
        queue.delete()


def test_ctrl_c_in_a_terminal_leaves_what_runs_alone(own: str):
    with Crew(own, "terminal") as crew, jobs.get_context(own, queue="terminal") as context:
        scene = Scene(context)
        running = psutil.Process(scene.running.pid)
        assert os.getpgid(running.pid) != os.getpgid(crew.program.pid)  # which is whom a terminal's Ctrl-C reaches
        crew.signal(signal.SIGINT)
        scene.go.set()
        scene.running.join(TIMEOUT)
        assert scene.running.exitcode == 0
        crew.finish()


def test_workers_whose_supervisor_was_killed_finish_what_they_do(own: str):
    with Crew(own, "orphans", 2) as crew, jobs.get_context(own, queue="orphans") as context:
        go, begun = context.Event(), context.Event()
        process = context.Process(target=lambda: (begun.set(), go.wait()))
        process.start()
        assert begun.wait(TIMEOUT)
        crew.signal(signal.SIGKILL)
        wait_until(lambda: jobs.worker_count(own, "orphans") == 1)
        assert process.is_alive()
        go.set()
        process.join(TIMEOUT)
        assert process.exitcode == 0
        wait_until(lambda: jobs.worker_count(own, "orphans") == 0)
        assert not psutil.wait_procs(crew.family, TIMEOUT)[1]
