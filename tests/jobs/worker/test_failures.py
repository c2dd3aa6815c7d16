"""Workers that are killed, and outages of the server."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import redis
import rq

import jobs
from broker.server.private_server import PrivateServer
from jobs.exchange.client import client
from jobs.worker.worker import Worker
from tests.jobs.supervised_workers import SupervisedWorkers
from tests.support.actors import TIMEOUT
from tests.support.rq_worker import rq_worker
from tests.support.servers import Server
from tests.support.waiting import wait_until

HERE = Path(__file__).parents[3]


STOP_TIMEOUT = 25.0  # seconds, less than what compose.yaml grants


def start_process(context: jobs.Context) -> jobs.Process:
    started = context.Event()
    process = context.Process(target=lambda: (started.set(), signal.pause()))
    process.start()
    assert started.wait(TIMEOUT)
    wait_until(lambda: process.pid)
    return process


def process_runs(url: str, queue: str) -> bool:
    with jobs.get_context(url, queue=queue) as context:
        process = context.Process(target=int)
        process.start()
        process.join(TIMEOUT)
        return process.exitcode == 0


def test_a_killed_worker_is_replaced_and_its_process_is_killed(url: str):
    with SupervisedWorkers(url, "killed") as supervisor, jobs.get_context(url, queue="killed") as context:
        process = start_process(context)
        supervisor.workers[0].kill()
        process.join(TIMEOUT)
        assert process.exitcode == -signal.SIGKILL
        assert process_runs(url, "killed")
        supervisor.signal(signal.SIGTERM)
        assert "starting another" in supervisor.finish()


def test_rq_soon_retries_a_job_whose_worker_was_killed(tmp_path: Path):
    with (
        Server(tmp_path) as server,
        SupervisedWorkers(server.url, "retried", heartbeat_ttl=1, maintenance=1) as supervisor,
        client(server.url) as connection,
    ):
        queue = rq.Queue("retried", connection=connection)
        job = queue.enqueue(signal.pause, retry=rq.Retry(max=1))
        wait_until(lambda: job.get_status() == "started")
        supervisor.processes += supervisor.workers[0].children()  # the work horse survives, as with RQ's own worker
        supervisor.workers[0].kill()
        wait_until(lambda: (job.refresh(), job.get_status() == "started" and job.retries_left == 0)[1])


def test_a_job_that_is_about_to_start_survives_broken_connections(monkeypatch: pytest.MonkeyPatch):
    prepare, errors = rq.Worker.prepare_job_execution, [redis.TimeoutError(), redis.ConnectionError()]

    def fail_first(*args: object, **options: object) -> None:
        if errors:
            raise errors.pop()
        prepare(*args, **options)

    monkeypatch.setattr(rq.Worker, "prepare_job_execution", fail_first)
    with closing(PrivateServer()) as server, client(server.url) as connection:
        queue = rq.Queue("broken", connection=connection)
        job = queue.enqueue(os.getpid)
        Worker([queue], connection=connection).prepare_job_execution(job)
        assert (job.get_status(refresh=True), errors) == ("started", [])


def test_workers_are_listed_again_after_an_outage(tmp_path: Path):
    with Server(tmp_path) as server, SupervisedWorkers(server.url, "lost", 2) as supervisor:
        workers = {worker.pid for worker in supervisor.workers}
        server.kill()
        time.sleep(2.5)
        server.start()
        wait_until(lambda: jobs.worker_count(server.url, "lost") == 2)
        assert process_runs(server.url, "lost")
        assert {worker.pid for worker in supervisor.workers} == workers
        supervisor.signal(signal.SIGTERM)
        assert supervisor.finish().count("cannot reach the server") == 2


def test_a_process_and_its_worker_survive_an_outage(tmp_path: Path):
    with Server(tmp_path, appendonly="yes") as server, SupervisedWorkers(server.url, "mid") as supervisor:
        with jobs.get_context(server.url, queue="mid") as context:
            go, started = context.Event(), context.Event()
            process = context.Process(target=lambda: (started.set(), go.wait()))
            process.start()
            assert started.wait(TIMEOUT)
            server.kill()
            time.sleep(2.5)
            server.start()
            go.set()
            process.join(TIMEOUT)
            assert process.exitcode == 0
        assert process_runs(server.url, "mid")
        supervisor.signal(signal.SIGTERM)
        supervisor.finish()


def test_workers_can_be_stopped_during_an_outage(tmp_path: Path):
    with Server(tmp_path) as server, SupervisedWorkers(server.url, "stranded", 2) as supervisor:
        server.kill()
        started = time.monotonic()
        supervisor.signal(signal.SIGTERM)
        supervisor.finish()
        assert time.monotonic() - started < STOP_TIMEOUT


def test_rqs_own_worker_can_share_the_queue(url: str):
    with (
        SupervisedWorkers(url, "mixed"),
        rq_worker(url, "mixed", HERE) as plain,
        jobs.get_context(url, queue="mixed") as context,
    ):
        both = [start_process(context) for _ in range(2)]
        parents = {psutil.Process(process.pid).parents()[1].pid for process in both}
        assert plain.pid in parents
        for process in both:
            process.kill()
            process.join(TIMEOUT)


def test_an_unreadable_job_is_recorded_and_the_worker_goes_on():
    with (
        closing(PrivateServer()) as server,
        SupervisedWorkers(server.url, "unreadable") as supervisor,
        client(server.url) as connection,
    ):
        queue = rq.Queue("unreadable", connection=connection)
        job = queue.create_job(os.getpid)
        job.data = b"unreadable"
        job.save()
        queue.push_job_id(job.id)
        assert "DeserializationError" in job.latest_result(timeout=TIMEOUT).exc_string
        assert process_runs(server.url, "unreadable")
        supervisor.signal(signal.SIGTERM)
        assert "starting another" not in supervisor.finish()
