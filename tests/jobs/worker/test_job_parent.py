"""What a job sees of its parent."""

from __future__ import annotations

import os
from multiprocessing.connection import wait

import pytest

from broker import Context, Lock
from broker.engine.session import get_session
from broker.server.private_server import PrivateServer
from jobs.worker import job_parent
from jobs.worker.job_parent import JobParent
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until


def test_sentinel_after_the_connections_were_closed(server: PrivateServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_parent, "REACQUIRE_TIME", 0.1)
    with Context(server.url) as ctx:
        lock = ctx.Lock(lease=0.5)
        lock.acquire()
        sentinel = JobParent("parent", os.getpid(), Lock.at(server.url, lock.name)).sentinel
        wait_until(lambda: len(lock.waiters()) == 1)
        get_session(server.url).close()  # as by a context that the job has closed; now the lease expires
        assert wait([sentinel], TIMEOUT) == [sentinel]
