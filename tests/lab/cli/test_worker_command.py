"""`lab worker`, as a user or a container runs it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import rq

import jobs
from broker.server.private_server import PrivateServer
from jobs.exchange.client import client
from tests.support.actors import TIMEOUT
from tests.support.lab import RunLab, StartLab
from tests.support.rq_worker import RQ_MAINTENANCE_KEY
from tests.support.waiting import wait_until

STOP_TIMEOUT = 10.0  # seconds for which `docker stop` waits


@pytest.fixture
def secured_server() -> Iterator[str]:
    """The URL of a server that requires a password; workers and jobs must leave no keys on it."""
    with closing(PrivateServer()) as server, client(server.url) as connection:
        connection.config_set("requirepass", "open-sesame")
        yield server.url.replace("unix://", "unix://:open-sesame@")
        assert set(connection.keys("*")) <= {RQ_MAINTENANCE_KEY}


def wait_for_workers(url: str, count: int, queue: str = "lab") -> None:
    wait_until(lambda: jobs.worker_count(url, queue) == count)


def test_workers_print_their_host_and_run_the_labs_jobs(
    lab: RunLab, start: StartLab, secured_server: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LAB_REDIS_URL", secured_server)
    session = start("worker", "-n", 3)
    wait_for_workers(secured_server, 3)
    compared = lab("compare", "tickets", "--clients", 6, "--on", "rq", "--pace", 0.01)
    assert compared.returncode == 0
    arguments = " ".join(" ".join(process.cmdline()) for process in session.alive())
    session.process.send_signal(signal.SIGTERM)
    done = session.finish(STOP_TIMEOUT)
    assert (done.returncode, done.stderr) == (0, "")
    first, *following = done.stdout.splitlines()
    assert f"3 workers on {os.uname().nodename} for queue lab of Redis" in first
    assert sum("starts client" in line for line in following) == 6
    assert len(following) == 12  # a line for each start, and one for each end
    assert "open-sesame" not in done.stdout + arguments


def test_default_is_one_worker_per_core(start: StartLab, secured_server: str):
    session = start("worker", "--redis-url", secured_server, "--queue", "cores")
    wait_for_workers(secured_server, os.cpu_count() or 1, "cores")
    session.process.send_signal(signal.SIGINT)
    assert session.finish(STOP_TIMEOUT).returncode == 0


def test_plain_jobs_import_from_the_folder_and_their_arguments_are_not_printed(
    start: StartLab, secured_server: str, tmp_path: Path
):
    (tmp_path / "shop.py").write_text("def sell(what): return what * 2\ndef burn(what): raise ValueError(what)\n")
    session = start("worker", "-n", 1, "--redis-url", secured_server)
    wait_for_workers(secured_server, 1)
    with client(secured_server) as connection:
        queue = rq.Queue("lab", connection=connection)
        sold, burnt = queue.enqueue("shop.sell", "secret"), queue.enqueue("shop.burn", "secret")
        assert sold.latest_result(timeout=TIMEOUT).return_value == "secretsecret"
        assert "ValueError: secret" in burnt.latest_result(timeout=TIMEOUT).exc_string
        wait_until(lambda: not rq.Worker.all(queue=queue)[0].get_current_job_id())
        for job in (sold, burnt):
            job.delete()
    session.process.send_signal(signal.SIGTERM)
    output = session.finish(STOP_TIMEOUT).stdout
    assert "starts shop.sell" in output
    assert " failed" in output
    assert "secret" not in output


def test_sigterm_to_the_whole_group_lets_the_current_job_finish(start: StartLab, secured_server: str):
    session = start("worker", "-n", 1, "--redis-url", secured_server)
    wait_for_workers(secured_server, 1)
    with client(secured_server) as connection:
        job = rq.Queue("lab", connection=connection).enqueue(time.sleep, 3)
        wait_until(lambda: job.get_status() == "started")
        supervisor = psutil.Process(session.process.pid)
        for process in [supervisor, *supervisor.children()]:
            process.send_signal(signal.SIGTERM)  # as service managers do, so the worker gets it twice
        assert session.finish(STOP_TIMEOUT).returncode == 0
        assert job.get_status() == "finished"
        job.delete()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("worker", "no Redis server is named; set LAB_REDIS_URL"),
        ("worker --redis-url redis://127.0.0.1:1", "no Redis server answers at redis://127.0.0.1:1"),
        ("worker --redis-url nonsense", "'nonsense' is not a Redis URL"),
        ("worker -n 0 --redis-url redis://127.0.0.1:1", "0 is not in the range"),
    ],
)
def test_invalid_input_is_refused_with_one_sentence(lab: RunLab, arguments: str, sentence: str):
    done = lab(*arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lab: ")
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr


def test_wrong_password_is_reported_but_not_shown(lab: RunLab, secured_server: str):
    done = lab("worker", "--redis-url", secured_server.replace("open-sesame", "guess-work"))
    assert done.returncode == 2
    assert "put the right credentials into the URL" in done.stderr
    assert "guess-work" not in done.stderr
