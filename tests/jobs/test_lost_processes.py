"""Workers, work horses and hosts that are lost, and outages of the server, while a process runs."""

from __future__ import annotations

import os
import signal
import sys
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
from jobs.exchange.job import SignedJob
from jobs.exchange.status import Exited
from jobs.exchange.worker_list import list_workers
from jobs.popen import Popen
from tests.support.actors import TIMEOUT
from tests.support.rq_worker import rq_worker
from tests.support.servers import Server
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
LEASE = 2.5  # seconds, longer than that of a liveness lock
DETECTION_TIME = 5.5  # seconds after which a lost process has an exit code


class RunningProcess:
    """A process that runs; `ancestry` is the process itself, its parent, and so on up to its worker."""

    def __init__(self, context: jobs.Context) -> None:
        self.go, started = context.Event(), context.Event()
        self.process = context.Process(target=lambda go: (started.set(), go.wait()), args=(self.go,))
        self.process.start()
        assert started.wait(TIMEOUT)
        wait_until(lambda: self.process.pid)
        self.ancestry: list[psutil.Process] = []


@contextmanager
def plain_rq_worker(url: str) -> Iterator[RunningProcess]:
    with rq_worker(url, "doomed", ROOT) as worker, jobs.get_context(url, queue="doomed") as context:
        running = RunningProcess(context)
        child = psutil.Process(running.process.pid)
        running.ancestry = [child, child.parent(), psutil.Process(worker.pid)]
        yield running


@contextmanager
def local_worker(url: str) -> Iterator[RunningProcess]:
    with jobs.Workers(url, "doomed", 1), jobs.get_context(url, queue="doomed") as context:
        running = RunningProcess(context)
        child = psutil.Process(running.process.pid)
        running.ancestry = [child, child.parent()]
        yield running


WORKERS = {"local worker": local_worker, "rq worker": plain_rq_worker}


@pytest.fixture(params=["local worker", pytest.param("rq worker", marks=pytest.mark.slow)])
def running(request: pytest.FixtureRequest, url: str) -> Iterator[RunningProcess]:
    with WORKERS[request.param](url) as running:
        yield running


def exited(*processes: psutil.Process) -> bool:
    return not psutil.wait_procs(processes, TIMEOUT)[1]


def test_a_process_is_killed_when_its_parent_is_killed(running):
    child, parent, *_ = running.ancestry
    parent.kill()
    running.process.join(TIMEOUT)
    assert running.process.exitcode == -signal.SIGKILL
    assert exited(child)


def test_a_process_that_is_lost_with_its_host_counts_as_killed(running):
    for process in reversed(running.ancestry):
        process.kill()
    running.process.join(TIMEOUT)
    assert running.process.exitcode == -signal.SIGKILL


def test_a_process_that_counts_as_lost_is_killed_when_it_resumes(running):
    for process in running.ancestry:
        process.suspend()
    running.process.join(TIMEOUT)
    assert running.process.exitcode == -signal.SIGKILL
    for process in running.ancestry:
        process.resume()
    assert exited(running.ancestry[0])


@pytest.mark.slow
def test_a_process_that_counts_as_lost_never_holds_its_lock_again(url, connection):
    """It may be killed at any moment, and would leave the lock's key on the server."""
    with jobs.Workers(url, "paused", 1):
        with jobs.get_context(url, queue="paused") as context:
            running = RunningProcess(context)
            lock = liveness_lock(url, running.process.job.id)
            worker = psutil.Process(running.process.pid).parent()
            worker.suspend()
            running.process.join(TIMEOUT)
        worker.resume()
        while list_workers(url, "paused")[0].state == "busy":
            assert not connection.keys(f"*{lock.name}*")


def test_a_process_survives_a_plain_worker(url):
    with plain_rq_worker(url) as running:
        running.ancestry[-1].kill()
        started = running.process.job.started_job_registry
        started.cleanup(timestamp=time.time() + 3600)  # as another worker's maintenance does in time
        assert "Abandoned" in running.process.job.latest_result().exc_string
        running.process.join(DETECTION_TIME)
        assert running.process.is_alive()
        running.go.set()
        running.process.join(TIMEOUT)
        assert running.process.exitcode == 0


def test_local_workers_kill_their_process_when_they_stop(url):
    with local_worker(url) as running:
        child, worker = running.ancestry
        worker.terminate()
        running.process.join(TIMEOUT)
        assert running.process.exitcode == -signal.SIGKILL
        assert exited(child)


@pytest.mark.slow
def test_a_process_survives_an_outage_that_is_longer_than_its_lease(tmp_path):
    with (
        Server(tmp_path) as server,
        jobs.Workers(server.url, "outage", 1),
        jobs.Context(server.url, queue="outage") as ctx,
    ):
        running = RunningProcess(ctx)
        os.kill(server._process.pid, signal.SIGSTOP)
        time.sleep(2.5)
        os.kill(server._process.pid, signal.SIGCONT)
        running.process.join(DETECTION_TIME)
        assert running.process.is_alive()
        running.go.set()
        running.process.join(TIMEOUT)
        assert running.process.exitcode == 0


@pytest.mark.slow
def test_output_and_exit_code_of_a_process_that_ends_during_an_outage_arrive(tmp_path, capfd):
    with (
        Server(tmp_path, appendonly="yes") as server,
        jobs.Workers(server.url, "outage", 1),
        jobs.Context(server.url, queue="outage") as ctx,
    ):
        ending = tmp_path / "ending"

        def end() -> None:
            wait_until(ending.exists)
            print("the end")
            sys.exit(3)

        process = ctx.Process(target=end)
        process.start()
        wait_until(lambda: process.pid)
        server.kill()
        ending.touch()
        time.sleep(12)  # seconds; the parent waits for 30
        server.start()
        process.join(TIMEOUT)
        assert process.exitcode == 3
    assert "the end" in capfd.readouterr().out


@pytest.mark.slow
def test_a_process_whose_worker_connects_late_after_an_outage_survives(tmp_path):
    with (
        Server(tmp_path, appendonly="yes") as server,
        jobs.Workers(server.url, "outage", 1),
        jobs.Context(server.url, queue="outage") as ctx,
    ):
        running = RunningProcess(ctx)
        child = psutil.Process(running.process.pid)
        server.kill()
        child.parent().suspend()
        time.sleep(LEASE)
        server.start()
        time.sleep(DETECTION_TIME)
        child.parent().resume()
        running.go.set()
        running.process.join(TIMEOUT)
        assert running.process.exitcode == 0


def test_a_process_survives_the_loss_of_its_lease(url):
    with local_worker(url) as running:
        liveness_lock(url, running.process.job.id).delete()
        running.process.join(DETECTION_TIME)
        assert running.process.is_alive()
        running.go.set()
        running.process.join(TIMEOUT)
        assert running.process.exitcode == 0


def test_a_process_whose_last_message_is_lost_has_returned_if_rq_has_its_result(ctx, monkeypatch):
    on_status = Popen.on_status

    def lose_exit(popen, message):
        if not isinstance(message, Exited):
            on_status(popen, message)

    monkeypatch.setattr(Popen, "on_status", lose_exit)
    process = ctx.Process(target=abs, args=(-1,))
    process.start()
    process.join(TIMEOUT)
    assert process.exitcode == 0


@pytest.mark.parametrize("record", [{}, {"last_heartbeat": "1.0"}], ids=["expired", "only a late heartbeat"])
def test_closing_after_rqs_record_of_a_lost_execution_has_expired(url, connection, record):
    """RQ lists an execution for a minute longer than its record; a heartbeat in that minute creates a part of it."""
    with jobs.Workers(url, "doomed", 1), jobs.get_context(url, queue="doomed") as context:
        running, queued = RunningProcess(context), context.Process(target=print)
        queued.start()
        job, child = running.process.job, psutil.Process(running.process.pid)
        worker = child.parent()
        for process in (worker.parent(), worker, child):
            process.kill()
        running.process.join(TIMEOUT)
        (execution,) = connection.keys(f"rq:execution:{job.id}:*")
        connection.delete(execution)
        if record:
            connection.hset(execution, mapping=record)
        handles = [running.go, context.children().status.queue]
    assert not [key for each in (job, queued.job) for key in connection.keys(f"*{each.id}*")]
    assert not connection.zcard("rq:wip:doomed")
    assert not connection.exists(*(key for handle in handles for key in handle._keys))


def test_closing_after_a_host_was_lost_is_quick(url):
    with closing(PrivateServer()) as server, jobs.Workers(server.url, "doomed", 1):
        with jobs.get_context(server.url, queue="doomed") as context:
            running = RunningProcess(context)
            child = psutil.Process(running.process.pid)
            child.parent().kill()
        assert running.process.exitcode == -signal.SIGKILL


def test_closing_waits_for_no_result_of_a_job_that_the_server_has_lost(url, monkeypatch):
    timeouts = []
    monkeypatch.setattr(SignedJob, "latest_result", lambda self, timeout=0: timeouts.append(timeout))
    with jobs.get_context(url, queue="deserted") as context:
        process = context.Process(target=print)
        process.start()
        rq_queue, job = context.children().rq_queue, process.job
        job.connection.delete(job.key)
        rq_queue.delete_job(job, result_pending=True)
        assert not any(timeouts)  # others may look at once, too


def test_a_long_outage_is_an_error_and_no_hang(tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.exchange.status.OUTAGE_TIMEOUT", 1.0)
    monkeypatch.setattr("broker.engine.requests.RETRY_TIMEOUT", 1.0)
    with Server(tmp_path) as server, jobs.Context(server.url) as context:
        process = context.Process(target=print)
        process.start()
        server.kill()
        with pytest.raises(ServerUnavailableError, match="no status of the jobs for 1 s"):
            process.join(TIMEOUT)


def test_a_context_that_is_closed_after_a_long_outage_sends_no_more_requests(tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.exchange.status.OUTAGE_TIMEOUT", 1.0)
    monkeypatch.setattr("broker.engine.requests.RETRY_TIMEOUT", 1.0)
    killed = []
    monkeypatch.setattr("jobs.popen.Popen.kill", killed.append)
    with Server(tmp_path) as server, jobs.Context(server.url) as context:
        process = context.Process(target=print)
        process.start()
        server.kill()
        with pytest.raises(ServerUnavailableError):
            process.join(TIMEOUT)
        context.close()
        assert (process.exitcode, killed) == (-signal.SIGKILL, [])
