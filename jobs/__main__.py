"""The program behind `jobs.Workers`: so many RQ workers, forked from one process that has imported everything once."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

import rq

from broker.semaphore import Semaphore
from jobs.workers import client

STOP_TIMEOUT = 3.0  # seconds from a request to stop until a worker is killed


class Worker(rq.Worker):
    """RQ's worker, but whoever started it is told when it listens, and its first request to stop ends a running job."""

    ready: Semaphore

    def bootstrap(self, *args: Any, **kwargs: Any) -> None:
        super().bootstrap(*args, **kwargs)
        self.ready.release()

    def register_death(self) -> None:
        super().register_death()  # type: ignore[no-untyped-call]
        self.connection.delete(self.key)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        if self.horse_pid:
            self.kill_horse()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def _work(url: str, queue: str, ready: str) -> None:
    worker = Worker([queue], connection=client(url))
    worker.ready = Semaphore(url, ready, 0)
    worker.work(logging_level="CRITICAL")


def main(url: str, queue: str, count: int, ready: str) -> None:
    """Run `count` workers until a SIGTERM."""
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_work, args=(url, queue, ready)) for _ in range(count)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        for worker in workers:
            worker.start()
        signal.pause()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _stop([worker for worker in workers if worker.pid])


def _stop(workers: list[BaseProcess]) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(STOP_TIMEOUT)
    for worker in workers:
        worker.kill()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
