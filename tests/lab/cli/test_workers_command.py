"""`lab workers`: a table for people, JSON for programs."""

from __future__ import annotations

import json
import signal

import psutil

import jobs
from jobs.exchange.worker_list import worker_info
from lab.cli.worker_commands import summary
from tests.support.actors import TIMEOUT
from tests.support.lab import RunLab, StartLab
from tests.support.waiting import wait_until
from tests.support.worker_records import OUR_FIELDS, make_record


def test_no_workers(lab_in_process: RunLab, url: str):
    done = lab_in_process("workers", "--redis-url", url)
    assert done.returncode == 0
    assert "no workers; start some with `lab worker`" in " ".join(done.stdout.split())
    assert json.loads(lab_in_process("workers", "--redis-url", url, "--json").stdout) == []
    assert lab_in_process("workers", "--redis-url", url, "--here").returncode == 2


def test_hosts_workers_and_their_jobs(lab_in_process: RunLab, start: StartLab, url: str):
    workers = start("worker", "-n", 2, "--redis-url", url)
    wait_until(lambda: jobs.worker_count(url, "lab") == 2)
    with jobs.get_context(url) as context:
        begun = context.Event()
        context.Process(target=lambda: (begun.set(), signal.pause()), name="client 7").start()
        assert begun.wait(TIMEOUT)
        busy = psutil.Process(workers.process.pid).children()
        done = lab_in_process("workers", "--redis-url", url)
        assert "1 host, 2 workers: 1 busy, 1 idle" in " ".join(done.stdout.split())
        rows = [line.split("│")[1:4] for line in done.stdout.splitlines() if line.startswith("│")]
        assert {row[1].strip() for row in rows} == {str(worker.pid) for worker in busy}
        assert {row[2].strip() for row in rows} == {"client 7", "idle"}
        figures = json.loads(lab_in_process("workers", "--redis-url", url, "--json").stdout)
        assert {worker["current_job"] for worker in figures} == {"client 7", None}
        assert lab_in_process("workers", "--redis-url", url, "--here").returncode == 0
    workers.process.send_signal(signal.SIGTERM)
    workers.finish()


def test_workers_that_do_not_respond_are_counted_separately():
    dead = worker_info(make_record(OUR_FIELDS, subscribers=0))
    alive = worker_info(make_record(OUR_FIELDS | {"hostname": "web2"}))
    assert summary([dead, alive]) == "2 hosts, 2 workers: 1 idle, 1 not responding"


def test_unavailable_server(lab_in_process: RunLab):
    done = lab_in_process("workers", "--redis-url", "redis://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no Redis server answers" in done.stderr
