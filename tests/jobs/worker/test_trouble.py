"""Workers that are killed, and workers whose server goes away and comes back."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from pathlib import Path

import psutil
import rq

import jobs
from broker.server.private_server import PrivateServer
from jobs.exchange.client import client
from tests.jobs.supervised_workers import Crew
from tests.support.actors import TIMEOUT
from tests.support.rq_worker import rq_worker
from tests.support.servers import Server
from tests.support.waiting import wait_until

HERE = Path(__file__).parents[3]


def long_process(context: jobs.Context) -> jobs.Process:
    begun = context.Event()
    process = context.Process(target=lambda: (begun.set(), signal.pause()))
    process.start()
    assert begun.wait(TIMEOUT)
    wait_until(lambda: process.pid)
    return process


def runs(url: str, queue: str) -> bool:
    with jobs.get_context(url, queue=queue) as context:
        process = context.Process(target=int)
        process.start()
        process.join(TIMEOUT)
        return process.exitcode == 0


def test_a_killed_worker_is_replaced_and_its_process_dies_with_it(url: str):
    with Crew(url, "killed") as crew, jobs.get_context(url, queue="killed") as context:
        process = long_process(context)
        crew.workers[0].kill()
        process.join(TIMEOUT)
        assert process.exitcode == -signal.SIGKILL
        assert runs(url, "killed")
        crew.signal(signal.SIGTERM)
        assert "starting another" in crew.finish()


def test_rq_knows_soon_of_a_job_whose_worker_was_killed_and_gives_it_to_another(tmp_path: Path):
    with (
        Server(tmp_path) as server,
        Crew(server.url, "retried", unheard=1, maintenance=1) as crew,
        client(server.url) as connection,
    ):
        queue = rq.Queue("retried", connection=connection)
        job = queue.enqueue(signal.pause, retry=rq.Retry(max=1))
        wait_until(lambda: job.get_status() == "started")
        crew.family += crew.workers[0].children()  # the horse lives on, as RQ's does
        crew.workers[0].kill()
        wait_until(lambda: (job.refresh(), job.get_status() == "started" and job.retries_left == 0)[1])


def test_a_server_that_comes_back_finds_its_workers_there(tmp_path: Path):
    with Server(tmp_path) as server, Crew(server.url, "lost", 2) as crew:
        workers = {worker.pid for worker in crew.workers}
        server.kill()
        time.sleep(2.5)
        server.start()
        wait_until(lambda: jobs.worker_count(server.url, "lost") == 2)
        assert runs(server.url, "lost")
        assert {worker.pid for worker in crew.workers} == workers
        crew.signal(signal.SIGTERM)
        assert crew.finish().count("cannot reach the server") == 2


def test_a_process_and_its_worker_outlive_a_server_that_is_killed_and_restarted(tmp_path: Path):
    with Server(tmp_path, appendonly="yes") as server, Crew(server.url, "mid") as crew:
        with jobs.get_context(server.url, queue="mid") as context:
            go, begun = context.Event(), context.Event()
            process = context.Process(target=lambda: (begun.set(), go.wait()))
            process.start()
            assert begun.wait(TIMEOUT)
            server.kill()
            time.sleep(2.5)
            server.start()
            go.set()
            process.join(TIMEOUT)
            assert process.exitcode == 0
        assert runs(server.url, "mid")
        crew.signal(signal.SIGTERM)
        crew.finish()


def test_workers_can_be_stopped_while_the_server_is_away(tmp_path: Path):
    with Server(tmp_path) as server, Crew(server.url, "stranded", 2) as crew:
        server.kill()
        started = time.monotonic()
        crew.signal(signal.SIGTERM)
        crew.finish()
        assert time.monotonic() - started < 8  # docker waits for ten seconds


def test_rqs_own_worker_works_beside(url: str):
    with (
        Crew(url, "mixed"),
        rq_worker(url, "mixed", HERE) as plain,
        jobs.get_context(url, queue="mixed") as context,
    ):
        both = [long_process(context) for _ in range(2)]
        parents = {psutil.Process(process.pid).parents()[1].pid for process in both}
        assert plain.pid in parents
        for process in both:
            process.kill()
            process.join(TIMEOUT)


def test_a_job_that_cannot_be_read_is_written_down_and_the_worker_lives_on():
    with closing(PrivateServer()) as server, Crew(server.url, "rubbish") as crew, client(server.url) as connection:
        queue = rq.Queue("rubbish", connection=connection)
        job = queue.create_job(os.getpid)
        job.data = b"rubbish"
        job.save()
        queue.push_job_id(job.id)
        assert "DeserializationError" in job.latest_result(timeout=TIMEOUT).exc_string
        assert runs(server.url, "rubbish")
        crew.signal(signal.SIGTERM)
        assert "starting another" not in crew.finish()
