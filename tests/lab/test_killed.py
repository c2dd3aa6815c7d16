"""Somebody is killed in the middle of a run: all others are served, and the verdict says so."""

from __future__ import annotations

import json
import signal
import tempfile
from pathlib import Path

import psutil
import pytest
import redis

from lab.trace import load
from tests.lab.conftest import Session, Start
from tests.support.clock import eventually
from tests.support.servers import Server

FEW = ("compare", "tickets", "--clients", 6, "--stock", 3, "--pace", 0.5, "--workers", 3)


def inside(client: redis.Redis) -> psutil.Process | None:
    """Return the first process that came in, as soon as it did."""
    entries = [entry[b"event"] for key in client.keys("lab:*:trace") for _, entry in client.xrange(key)]
    return next((psutil.Process(event["pid"]) for event in map(json.loads, entries) if event["what"] == "enters"), None)


def worker_of(process: psutil.Process) -> psutil.Process:
    return next(each for each in process.parents() if "jobs" in each.cmdline())


@pytest.mark.parametrize(("backend", "victim"), [("redis", "itself"), ("rq", "itself"), ("rq", "worker")])
def test_a_buyer_that_is_killed_inside(start: Start, tmp_path: Path, backend: str, victim: str):
    # A server of its own, for RQ keeps a killed worker in its books until its time is up.
    with (
        tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder,
        Server(Path(folder)) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        session: Session = start(*FEW, "--on", backend, "--redis-url", server.url, "--trace", "traces")
        eventually(lambda: inside(client) is not None)
        process = inside(client)
        assert process is not None
        (worker_of(process) if victim == "worker" else process).send_signal(signal.SIGKILL)
        done = session.finish()
        text = " ".join(done.stdout.split())
        assert (done.returncode, "was killed; all 5 others came to their end" in text) == (0, True), done.stdout
        (trace,) = load(tmp_path / "traces")
        bought = [event.who for event in trace.of("buys", "goes without")]
        assert len(bought) == len(set(bought)) == 5
        keys = [key for key in client.keys("*") if not key.startswith(b"rq:")]
        assert not keys
