"""`lab doctor` on real servers: healthy ones, badly configured ones, and users with few permissions."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import jobs
from jobs.exchange.client import client
from tests.support.actors import TIMEOUT
from tests.support.lab import RunLab, StartLab
from tests.support.rq_worker import RQ_MAINTENANCE_KEY, rq_worker
from tests.support.servers import Server
from tests.support.waiting import wait_until

WITHOUT_LAB = """
import sys, runpy
sys.modules["lab"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
KEPT = {RQ_MAINTENANCE_KEY, b"rq:queues"}  # the workers delete the second one when they exit


@pytest.fixture
def healthy(tmp_path: Path) -> Iterator[str]:
    with Server(tmp_path, appendonly="yes") as server:
        yield server.url


def findings(lab: RunLab, url: str) -> tuple[int, dict[str, tuple[str, str]]]:
    done = lab("doctor", "--redis-url", url, "--json")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return done.returncode, {finding["subject"]: (finding["status"], finding["text"]) for finding in found}


def test_healthy_server_and_healthy_workers_of_both_kinds(
    lab_in_process: RunLab, start: StartLab, healthy: str, tmp_path: Path
):
    workers = start("worker", "-n", 2, "--redis-url", healthy)
    wait_until(lambda: jobs.worker_count(healthy, "lab") == 2)
    with rq_worker(healthy, "lab", tmp_path), client(healthy) as connection:
        before = set(connection.keys("*"))
        code, found = findings(lab_in_process, healthy)
        assert (code, {status for status, _ in found.values()}) == (0, {"ok"})
        assert found[f"host {os.uname().nodename}"][1] == "3 workers, with the versions of this host"
        assert set(connection.keys("*")) <= before | KEPT
    workers.process.send_signal(signal.SIGTERM)
    workers.finish()


def test_badly_configured_server(lab_in_process: RunLab, tmp_path: Path):
    settings = {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru", "maxclients": "200"}
    with Server(tmp_path, **settings) as server, client(server.url) as connection:
        connection.config_set("client-output-buffer-limit", "pubsub 65536 65536 1")
        code, found = findings(lab_in_process, server.url)
        problems = {subject for subject, (status, _) in found.items() if status == "problem"}
        assert (code, problems) == (1, {"eviction", "persistence", "clients", "messages"})
        text = " ".join(lab_in_process("doctor", "--redis-url", server.url).stdout.split())
        assert "CONFIG SET maxmemory-policy noeviction" in text.replace("│", "").replace("  ", " ")


def test_open_server(lab_in_process: RunLab, tmp_path: Path):
    with Server(tmp_path) as server, client(server.url) as connection:
        connection.config_set("protected-mode", "no")
        assert findings(lab_in_process, server.url)[1]["access"] == (
            "ok",
            "no password, but only its own host can connect",
        )
        connection.config_set("requirepass", "open-sesame")
        url = server.url.replace("unix://", "unix://:open-sesame@")
        assert findings(lab_in_process, url)[1]["access"] == ("ok", "a client needs a password or a certificate")


def test_secret_that_workers_refuse(
    lab_in_process: RunLab, start: StartLab, healthy: str, monkeypatch: pytest.MonkeyPatch
):
    workers = start("worker", "-n", 1, "--redis-url", healthy)
    wait_until(lambda: jobs.worker_count(healthy, "lab") == 1)
    monkeypatch.setenv("LAB_SECRET", "short")
    code, found = findings(lab_in_process, healthy)
    assert (code, found["secret"][0], found["workers"][0]) == (1, "problem", "unknown")
    assert lab_in_process("worker", "--redis-url", healthy).returncode == 2
    workers.process.send_signal(signal.SIGTERM)
    workers.finish()


def test_user_with_few_permissions(lab_in_process: RunLab, healthy: str):
    with client(healthy) as connection:
        connection.acl_setuser(
            "guest", enabled=True, passwords=["+open-sesame"], keys="*", commands=["+@all", "-info", "-config"]
        )
        code, found = findings(lab_in_process, healthy.replace("unix://", "unix://guest:open-sesame@"))
        assert code == 0
        assert {subject for subject, (status, _) in found.items() if status == "unknown"} >= {"version", "persistence"}
        connection.execute_command("ACL", "SETUSER", "guest", "-@all", "+ping", "+time")
        code, found = findings(lab_in_process, healthy.replace("unix://", "unix://guest:open-sesame@"))
        assert (code, found["workers"][0], found["clock"][0]) == (0, "unknown", "ok")


@pytest.mark.slow
def test_worker_without_this_project_is_reported_and_takes_one_probe_only(
    lab_in_process: RunLab, start: StartLab, healthy: str, tmp_path
):
    program = tmp_path / "bare.py"  # hides the project, as if it were not installed
    program.write_text(WITHOUT_LAB)
    workers = start("worker", "-n", 2, "--redis-url", healthy)
    wait_until(lambda: jobs.worker_count(healthy, "lab") == 2)
    with rq_worker(healthy, "lab", tmp_path, str(program)), client(healthy) as connection:
        code, found = findings(lab_in_process, healthy)
        status, text = found[f"host {os.uname().nodename}"]
        assert (code, status) == (1, "problem")
        assert "a worker cannot run the lab's jobs" in text
        assert "workers" not in found  # every worker was probed
        wait_until(lambda: set(connection.keys("rq:job:*")) == set())
    workers.process.send_signal(signal.SIGTERM)
    workers.finish()


def test_busy_worker_is_not_probed(lab_in_process: RunLab, start: StartLab, healthy: str):
    workers = start("worker", "-n", 1, "--redis-url", healthy)
    wait_until(lambda: jobs.worker_count(healthy, "lab") == 1)
    with jobs.get_context(healthy) as context:
        begun = context.Event()
        context.Process(target=lambda: (begun.set(), signal.pause())).start()
        assert begun.wait(TIMEOUT)
        code, found = findings(lab_in_process, healthy)
        assert (code, found["workers"][0]) == (0, "unknown")
        assert "busy, so not probed" in found["workers"][1]
    workers.process.send_signal(signal.SIGTERM)
    workers.finish()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [("redis://127.0.0.1:1", "no Redis server answers"), ("nonsense", "'nonsense' is not a Redis URL")],
)
def test_server_that_cannot_be_checked(lab_in_process: RunLab, url: str, sentence: str):
    done = lab_in_process("doctor", "--redis-url", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_wrong_password_is_reported_but_not_shown(lab_in_process: RunLab, healthy: str):
    with redis.Redis.from_url(healthy) as connection:
        connection.config_set("requirepass", "open-sesame")
    done = lab_in_process("doctor", "--redis-url", healthy.replace("unix://", "unix://:guess-work@"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "rejects the credentials" in done.stderr
    assert "guess-work" not in done.stderr
