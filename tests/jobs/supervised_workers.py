"""A supervisor and its workers in a separate program, as `lab worker` runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil
import rq

from jobs.exchange.client import client
from jobs.worker.local_workers import URL_VARIABLE
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

SUPERVISOR = """
import logging, os, sys
import jobs.worker.worker
from jobs.worker.supervisor import Supervisor
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
jobs.worker.worker.JOB_HEARTBEAT_TTL = int(sys.argv[3])
jobs.worker.worker.MAINTENANCE_INTERVAL = int(sys.argv[4])
Supervisor(os.environ["LAB_REDIS_URL"], sys.argv[1], int(sys.argv[2])).run()
"""


class SupervisedWorkers:
    """`count` workers that listen; RQ abandons a job whose worker sends no heartbeat for `heartbeat_ttl` seconds."""

    def __init__(self, url: str, queue: str, count: int = 1, heartbeat_ttl: int = 30, maintenance: int = 10) -> None:
        self.url = url
        self.queue = queue
        arguments = [queue, str(count), str(heartbeat_ttl), str(maintenance)]
        self.program = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).parents[2],
            env=os.environ | {URL_VARIABLE: url},
            text=True,
        )
        wait_until(lambda: self.idle() >= count)
        self.processes = psutil.Process(self.program.pid).children(recursive=True)

    @property
    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.program.pid).children()

    def idle(self) -> int:
        with client(self.url) as connection:
            workers = rq.Worker.all(queue=rq.Queue(self.queue, connection=connection))
            return sum(worker.get_state() == "idle" for worker in workers)

    def signal(self, number: signal.Signals) -> None:
        self.program.send_signal(number)

    def finish(self) -> str:
        """Wait until it exits, which must be with status 0, and return its output."""
        out, _ = self.program.communicate(timeout=2 * TIMEOUT)
        assert self.program.returncode == 0, out
        return out

    def __enter__(self) -> SupervisedWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = [*self.processes]
        with suppress(psutil.NoSuchProcess):
            left += psutil.Process(self.program.pid).children(recursive=True)
        self.program.kill()
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.program.communicate()
