"""The program of `jobs.Workers`: a number of RQ workers, forked from one process that has imported everything once."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.process import BaseProcess

from broker.locks.semaphore import Semaphore
from jobs.exchange.client import client, unlist_unused_queue
from jobs.worker.local_worker import LocalWorker
from jobs.worker.local_workers import URL_VARIABLE
from jobs.worker.worker import CONNECTION_ERRORS, log, new_name

LOG_LEVEL = "CRITICAL"
STOP_TIMEOUT = 10.0  # seconds after a request to stop until the workers are killed


def _run_worker(url: str, queue: str, ready: str) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    worker = LocalWorker([queue], name=new_name(), connection=client(url))
    worker.ready = Semaphore.at(url, ready, value=0)
    log.setLevel(LOG_LEVEL)
    with suppress(*CONNECTION_ERRORS):  # the process that has started the workers gets the same error
        worker.work(logging_level=LOG_LEVEL)
        unlist_unused_queue(
            url, queue
        )  # succeeds for the last worker; the process that has started them may have been killed


def main(url: str, queue: str, count: int, ready: str, folder: str, *preload: str) -> None:
    """Run `count` workers of the server at `url` until a SIGTERM, in `folder` unless it is empty."""
    if folder:
        os.chdir(folder)
        sys.path.insert(0, folder)
    for module in preload:
        importlib.import_module(module)
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_run_worker, args=(url, queue, ready)) for _ in range(count)]
    # A handler's exception could be lost, for instance if a fork calls back at that moment.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        for worker in workers:
            worker.start()
        signal.sigwait({signal.SIGTERM})
    finally:
        _stop([worker for worker in workers if worker.pid])


def _stop(workers: list[BaseProcess]) -> None:
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
    for worker in workers:
        worker.kill()


if __name__ == "__main__":
    main(os.environ[URL_VARIABLE], sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
