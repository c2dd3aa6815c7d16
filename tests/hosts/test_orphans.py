"""A worker is killed during a job; RQ retries the job while an orphan, the first worker's process, still runs it."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest
import rq
from rq.registry import StartedJobRegistry

from jobs.exchange.client import client
from lab.runtime.store import RedisStore
from tests.hosts.cluster import STOCK, Cluster
from tests.hosts.network import Host
from tests.hosts.program import Program
from tests.hosts.ticket_job import sell_ticket
from tests.support.actors import TIMEOUT
from tests.support.server_state import count_waiters, holders
from tests.support.waiting import wait_until

LONG = 3600.0  # seconds without a heartbeat after which RQ's maintenance takes a worker for dead


@pytest.mark.slow
def test_orphan_finishes_and_the_retry_sells_nothing(cluster: Cluster) -> None:
    """The orphan holds the lock, so the retry waits for it, and then finds the ticket sold."""
    job = TicketJob(cluster)
    job.lose_worker(cluster.one)
    again = job.retry(cluster.two)
    wait_until(lambda: count_waiters(job.lock) == 1)
    job.paid.set()
    assert again.join() == 0
    assert job.sellers() == ["one"]


@pytest.mark.slow
def test_orphan_paused_past_its_lease_is_refused(cluster: Cluster) -> None:
    """The retry sells the ticket; the write of the orphan is refused when it continues."""
    job = TicketJob(cluster)
    orphan = job.lose_worker(cluster.one)
    orphan.suspend()
    job.paid.set()
    assert job.retry(cluster.two).join() == 0
    orphan.resume()
    orphan.wait(TIMEOUT)
    assert job.sellers() == ["two"]


class TicketJob:
    """A job that sells one ticket."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.lock, self.paid, self.sales_log = cluster.ctx.Lock(lease=2.0), cluster.ctx.Event(), cluster.ctx.Queue()
        self._queue = rq.Queue("lab", connection=client(cluster.server.url))
        what = (STOCK, self.lock, RedisStore(cluster.url, cluster.db.key), self.paid, self.sales_log)
        self.job = self._queue.enqueue(sell_ticket, *what, retry=rq.Retry(max=1))

    def lose_worker(self, host: Host) -> psutil.Process:
        """Kill the worker of `host` when its job holds the lock; return the process that still runs the job."""
        worker = self._worker(host)
        wait_until(lambda: holders(self.lock))
        (orphan,) = psutil.Process(worker.pid).children()
        worker.kill()
        return orphan

    def retry(self, host: Host) -> Program:
        """Let RQ's maintenance find the worker dead, and a worker on `host` run the job again."""
        StartedJobRegistry(queue=self._queue).cleanup(time.time() + LONG)
        return self._worker(host)

    def sellers(self) -> list[str]:
        """Return on which hosts the ticket was sold."""
        assert self._cluster.db.read() == STOCK - 1
        return [self.sales_log.get() for _ in range(self.sales_log.qsize())]

    def _worker(self, host: Host) -> Program:
        words = [sys.executable, "-m", "rq.cli", "worker", "lab", "--burst", "--url", self._cluster.admin_url]
        return host.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
