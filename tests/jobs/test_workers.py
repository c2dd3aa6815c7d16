"""Workers of one's own, and who counts as listening."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest

import jobs
from broker import BrokerError
from broker.server import PrivateServer
from jobs.workers import client

OWNER = """
import sys, jobs
with jobs.Workers(sys.argv[1], "owned", 2), jobs.get_context(sys.argv[1], queue="owned") as ctx:
    began, never = ctx.Event(), ctx.Event()
    ctx.Process(target=lambda: (began.set(), never.wait())).start()
    began.wait()
    print("running", flush=True)
    sys.stdin.read()
"""


def test_listening_counts_the_living(url):
    assert jobs.listening(url, "counted") == 0
    with jobs.Workers(url, "counted", 2):
        assert jobs.listening(url, "counted") == 2
    assert jobs.listening(url, "counted") == 0


def test_closed_workers_leave_nothing_on_the_server():
    with closing(PrivateServer()) as server, client(server.url) as connection:
        with jobs.Workers(server.url, "tidy", 1), jobs.get_context(server.url, queue="tidy") as context:
            process = context.Process(target=int)
            process.start()
            process.join()
        left = {key: connection.ttl(key) for key in connection.scan_iter()}
        assert all(seconds > 0 for seconds in left.values()), left


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_workers_and_their_jobs_end_with_their_owner(url, signum):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"running\n"
        family = psutil.Process(owner.pid).children(recursive=True)
        assert len(family) >= 5  # the supervisor, the program, two workers, one job
        os.kill(owner.pid, signum)
    _, alive = psutil.wait_procs(family, timeout=15)
    assert not alive
    assert jobs.listening(url, "owned") == 0


def test_workers_that_cannot_start_say_so(url, monkeypatch):
    monkeypatch.setattr("jobs.workers.START_TIMEOUT", 0.2)
    monkeypatch.setattr("jobs.workers.sys.executable", "/bin/false")
    with pytest.raises(BrokerError, match="did not start"):
        jobs.Workers(url, "stillborn", 1)
