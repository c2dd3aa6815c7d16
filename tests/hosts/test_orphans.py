"""A worker is killed in mid-job, and RQ gives the job to another while the orphan of the first still runs it."""

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
from tests.hosts.network import Host
from tests.hosts.program import Program
from tests.hosts.sale import sell
from tests.hosts.site import STOCK, Site
from tests.support.actors import TIMEOUT
from tests.support.server_state import count_waiters, holders
from tests.support.waiting import wait_until

LONG = 3600.0  # seconds after which RQ's maintenance takes a worker for dead that it has not heard of


@pytest.mark.slow
def test_the_orphan_runs_on(site: Site) -> None:
    """It holds the lock, so the second run waits for it, and then finds the ticket sold."""
    sale = Sale(site)
    sale.lose_worker(site.one)
    again = sale.retry(site.two)
    wait_until(lambda: count_waiters(sale.lock) == 1)
    sale.paid.set()
    assert again.join() == 0
    assert sale.sellers() == ["one"]


@pytest.mark.slow
def test_the_orphan_is_stopped_for_longer_than_its_lease(site: Site) -> None:
    """The second run sells the ticket; what the orphan writes when it goes on is refused."""
    sale = Sale(site)
    orphan = sale.lose_worker(site.one)
    orphan.suspend()
    sale.paid.set()
    assert sale.retry(site.two).join() == 0
    orphan.resume()
    orphan.wait(TIMEOUT)
    assert sale.sellers() == ["two"]


class Sale:
    """A job that sells one ticket."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.lock, self.paid, self.receipts = site.ctx.Lock(lease=2.0), site.ctx.Event(), site.ctx.Queue()
        self._queue = rq.Queue("lab", connection=client(site.server.url))
        what = (STOCK, self.lock, RedisStore(site.url, site.db.key), self.paid, self.receipts)
        self.job = self._queue.enqueue(sell, *what, retry=rq.Retry(max=1))

    def lose_worker(self, host: Host) -> psutil.Process:
        """Kill the worker of `host` when its job has the lock; return the process in which the job runs on."""
        worker = self._worker(host)
        wait_until(lambda: holders(self.lock))
        (orphan,) = psutil.Process(worker.pid).children()
        worker.kill()
        return orphan

    def retry(self, host: Host) -> Program:
        """Let RQ's own maintenance find the worker dead, and one on `host` run the job again."""
        StartedJobRegistry(queue=self._queue).cleanup(time.time() + LONG)
        return self._worker(host)

    def sellers(self) -> list[str]:
        """Return on which hosts the ticket was sold."""
        assert self._site.db.read() == STOCK - 1
        return [self.receipts.get() for _ in range(self.receipts.qsize())]

    def _worker(self, host: Host) -> Program:
        words = [sys.executable, "-m", "rq.cli", "worker", "lab", "--burst", "--url", self._site.url]
        return host.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
