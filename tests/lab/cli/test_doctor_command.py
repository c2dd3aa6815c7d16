"""`lab doctor` on real servers: sound ones, ones that are set badly on purpose, and users who may see little."""

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
from tests.lab.conftest import Run, Start
from tests.support.actors import TIMEOUT
from tests.support.rq_worker import rq_worker
from tests.support.servers import Server
from tests.support.waiting import wait_until

BARE = """
import sys, runpy
sys.modules["lab"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
KEPT = {b"rq:clean_groups", b"rq:queues"}  # RQ's own notes; the workers take the second one with them


@pytest.fixture
def sound(tmp_path: Path) -> Iterator[str]:
    with Server(tmp_path, appendonly="yes") as server:
        yield server.url


def findings(lab: Run, url: str) -> tuple[int, dict[str, tuple[str, str]]]:
    done = lab("doctor", "--redis-url", url, "--json")
    told: list[dict[str, Any]] = json.loads(done.stdout)
    return done.returncode, {each["about"]: (each["grade"], each["text"]) for each in told}


def test_a_sound_server_and_sound_workers_of_both_kinds(lab: Run, start: Start, sound: str, tmp_path: Path):
    workers = start("worker", "-n", 2, "--redis-url", sound)
    wait_until(lambda: jobs.worker_count(sound, "lab") == 2)
    with rq_worker(sound, "lab", tmp_path), client(sound) as connection:
        before = set(connection.keys("*"))
        status, found = findings(lab, sound)
        assert (status, {grade for grade, _ in found.values()}) == (0, {"ok"})
        assert found[f"host {os.uname().nodename}"][1] == "3 workers, with the versions of this host"
        assert set(connection.keys("*")) <= before | KEPT
    workers.process.send_signal(signal.SIGTERM)
    workers.finish()


def test_a_server_that_is_set_badly(lab: Run, tmp_path: Path):
    settings = {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru", "maxclients": "200"}
    with Server(tmp_path, **settings) as server, client(server.url) as connection:
        connection.config_set("client-output-buffer-limit", "pubsub 65536 65536 1")
        status, found = findings(lab, server.url)
        bad = {about for about, (grade, _) in found.items() if grade == "wrong"}
        assert (status, bad) == (1, {"eviction", "persistence", "clients", "messages"})
        shown = " ".join(lab("doctor", "--redis-url", server.url).stdout.split())
        assert "CONFIG SET maxmemory-policy noeviction" in shown.replace("│", "").replace("  ", " ")


def test_a_user_who_may_see_little(lab: Run, sound: str):
    with client(sound) as connection:
        connection.acl_setuser(
            "guest", enabled=True, passwords=["+open-sesame"], keys="*", commands=["+@all", "-info", "-config"]
        )
        status, found = findings(lab, sound.replace("unix://", "unix://guest:open-sesame@"))
        assert status == 0
        assert {about for about, (grade, _) in found.items() if grade == "not seen"} >= {"version", "persistence"}
        connection.execute_command("ACL", "SETUSER", "guest", "-@all", "+ping", "+time")
        status, found = findings(lab, sound.replace("unix://", "unix://guest:open-sesame@"))
        assert (status, found["workers"][0], found["clock"][0]) == (0, "not seen", "ok")


def test_a_worker_without_this_project_is_found_and_takes_no_others_probe(lab: Run, start: Start, sound: str, tmp_path):
    bare = tmp_path / "bare.py"  # hides the project, as if it were not installed
    bare.write_text(BARE)
    workers = start("worker", "-n", 2, "--redis-url", sound)
    wait_until(lambda: jobs.worker_count(sound, "lab") == 2)
    with rq_worker(sound, "lab", tmp_path, str(bare)), client(sound) as connection:
        status, found = findings(lab, sound)
        grade, text = found[f"host {os.uname().nodename}"]
        assert (status, grade) == (1, "wrong")
        assert "a worker cannot run the lab's jobs" in text
        assert "workers" not in found  # nobody was left out
        wait_until(lambda: set(connection.keys("rq:job:*")) == set())
    workers.process.send_signal(signal.SIGTERM)
    workers.finish()


def test_busy_and_stopped_workers(lab: Run, start: Start, sound: str):
    workers = start("worker", "-n", 1, "--redis-url", sound)
    wait_until(lambda: jobs.worker_count(sound, "lab") == 1)
    with jobs.get_context(sound) as context:
        begun = context.Event()
        context.Process(target=lambda: (begun.set(), signal.pause())).start()
        assert begun.wait(TIMEOUT)
        status, found = findings(lab, sound)
        assert (status, found["workers"][0]) == (0, "not seen")
        assert "busy, so not asked" in found["workers"][1]
    workers.process.send_signal(signal.SIGTERM)
    workers.finish()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [("redis://127.0.0.1:1", "no Redis server answers"), ("nonsense", "'nonsense' is not a Redis URL")],
)
def test_what_cannot_be_looked_at(lab: Run, url: str, sentence: str):
    done = lab("doctor", "--redis-url", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_wrong_password_is_said_and_not_shown(lab: Run, sound: str):
    with redis.Redis.from_url(sound) as connection:
        connection.config_set("requirepass", "open-sesame")
    done = lab("doctor", "--redis-url", sound.replace("unix://", "unix://:guess-work@"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "wants other credentials" in done.stderr
    assert "guess-work" not in done.stderr
