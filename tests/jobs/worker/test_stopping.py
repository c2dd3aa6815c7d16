"""Workers that are asked to stop: between two jobs, during a job, with a job just dequeued, and twice."""

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
from tests.jobs.supervised_workers import SupervisedWorkers
from tests.support.actors import TIMEOUT
from tests.support.rq_worker import RQ_MAINTENANCE_KEY
from tests.support.waiting import wait_until

EXPIRING = (RQ_MAINTENANCE_KEY, b"rq:queue:many:intermediate:first_seen:")  # keys of RQ that expire
STOP_TIMEOUT = 25.0  # seconds within which idle workers exit; RQ's own would wait for a job for much longer
FORCE_STOP_DELAY = 3.0  # seconds after which a second signal counts, also if the first one reached the worker late


@pytest.fixture
def own_server() -> Iterator[str]:
    """A server for workers that a test stops; they must delete all their keys."""
    with closing(PrivateServer()) as server, client(server.url) as connection:
        yield server.url
        ours = [key for key in connection.keys("*") if not key.startswith(EXPIRING)]
        assert not ours


class TwoProcesses:
    """A process that runs until `go` is set, and another that waits for the only worker."""

    def __init__(self, context: jobs.Context) -> None:
        self.go, started = context.Event(), context.Event()
        self.running = context.Process(target=lambda go: (started.set(), go.wait()), args=(self.go,))
        self.running.start()
        assert started.wait(TIMEOUT)
        wait_until(lambda: self.running.pid)
        self.waiting = context.Process(target=int)
        self.waiting.start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_workers_stop_at_once(own_server: str, number: signal.Signals):
    with SupervisedWorkers(own_server, "idle", 3) as supervisor:
        started = time.monotonic()
        supervisor.signal(number)
        supervisor.finish()
        assert time.monotonic() - started < STOP_TIMEOUT
        assert not psutil.wait_procs(supervisor.processes, 0)[1]


def test_the_current_job_is_finished_and_no_other_started(own_server: str):
    with (
        SupervisedWorkers(own_server, "busy") as supervisor,
        jobs.get_context(own_server, queue="busy") as context,
        client(own_server) as connection,
    ):
        processes = TwoProcesses(context)
        supervisor.signal(signal.SIGTERM)
        with pytest.raises(AssertionError, match="the condition did not become true"):
            wait_until(lambda: not processes.running.is_alive(), 2.0)
        processes.go.set()
        processes.running.join(TIMEOUT)
        assert processes.running.exitcode == 0
        assert "starts" in supervisor.finish()
        assert connection.lrange("rq:queue:busy", 0, -1) == [processes.waiting.job.id.encode()]
        assert processes.waiting.is_alive()
        with SupervisedWorkers(own_server, "busy") as other:
            processes.waiting.join(TIMEOUT)
            assert processes.waiting.exitcode == 0
            other.signal(signal.SIGTERM)
            other.finish()


def test_a_second_signal_kills_the_current_job_and_its_parent_learns_it(own_server: str):
    with SupervisedWorkers(own_server, "twice") as supervisor, jobs.get_context(own_server, queue="twice") as context:
        processes = TwoProcesses(context)
        supervisor.signal(signal.SIGTERM)
        time.sleep(FORCE_STOP_DELAY)
        assert processes.running.is_alive()
        supervisor.signal(signal.SIGTERM)
        processes.running.join(TIMEOUT)
        assert processes.running.exitcode == -signal.SIGKILL
        result = processes.running.job.latest_result(timeout=TIMEOUT)
        assert "ended with exit code -9" in result.exc_string
        supervisor.finish()


def test_a_second_signal_kills_a_plain_job_too(own_server: str):
    with SupervisedWorkers(own_server, "plain") as supervisor, client(own_server) as connection:
        queue = rq.Queue("plain", connection=connection)
        job = queue.enqueue(time.sleep, 100)
        wait_until(lambda: job.get_status() == "started")
        supervisor.signal(signal.SIGINT)
        time.sleep(FORCE_STOP_DELAY)
        supervisor.signal(signal.SIGINT)
        supervisor.finish()
        assert "terminated unexpectedly" in job.latest_result().exc_string
        job.delete()
        queue.delete()


@pytest.mark.usefixtures("signals")
def test_a_job_that_was_dequeued_and_not_started_goes_back_to_the_head_of_the_queue(own_server: str):
    with client(own_server) as connection:
        queue = rq.Queue("dequeued", connection=connection)
        first, second = (queue.enqueue(os.getpid) for _ in range(2))
        worker = Worker([queue], name=new_name(), connection=connection)
        dequeued = rq.Queue.dequeue_any([queue], None, connection)
        worker.request_stop(signal.SIGTERM, None)
        worker.execute_job(*dequeued)
        assert queue.job_ids == [first.id, second.id]
        assert not connection.exists(queue.intermediate_queue_key)
        assert first.get_status() == "queued"
        queue.delete(delete_jobs=True)


@pytest.mark.slow
def test_no_job_is_lost_when_workers_are_restarted_often(own_server: str):
    with client(own_server) as connection:
        queue = rq.Queue("many", connection=connection)
        enqueued = []
        for _ in range(4):
            with SupervisedWorkers(own_server, "many", 2) as supervisor:
                enqueued += [queue.enqueue(os.getpid) for _ in range(10)]
                wait_until(lambda: queue.count < 8)
                supervisor.signal(signal.SIGTERM)
                supervisor.finish()
            assert not connection.exists(queue.intermediate_queue_key)
            done = {job.id for job in enqueued if job.get_status() == "finished"}
            assert done | set(queue.job_ids) == {job.id for job in enqueued}
            assert not done & set(queue.job_ids)
        for job in enqueued:
            job.delete()
        queue.delete()


def test_ctrl_c_in_a_terminal_does_not_reach_running_jobs(own_server: str):
    with (
        SupervisedWorkers(own_server, "terminal") as supervisor,
        jobs.get_context(own_server, queue="terminal") as context,
    ):
        processes = TwoProcesses(context)
        running = psutil.Process(processes.running.pid)
        terminal_group = os.getpgid(supervisor.program.pid)  # whose processes get a SIGINT from the terminal
        assert os.getpgid(running.pid) != terminal_group
        supervisor.signal(signal.SIGINT)
        processes.go.set()
        processes.running.join(TIMEOUT)
        assert processes.running.exitcode == 0
        supervisor.finish()


def test_workers_whose_supervisor_was_killed_finish_their_jobs(own_server: str):
    with (
        SupervisedWorkers(own_server, "orphans", 2) as supervisor,
        jobs.get_context(own_server, queue="orphans") as context,
    ):
        go, started = context.Event(), context.Event()
        process = context.Process(target=lambda: (started.set(), go.wait()))
        process.start()
        assert started.wait(TIMEOUT)
        supervisor.signal(signal.SIGKILL)
        wait_until(lambda: jobs.worker_count(own_server, "orphans") == 1)
        assert process.is_alive()
        go.set()
        process.join(TIMEOUT)
        assert process.exitcode == 0
        wait_until(lambda: jobs.worker_count(own_server, "orphans") == 0)
        assert not psutil.wait_procs(supervisor.processes, TIMEOUT)[1]
