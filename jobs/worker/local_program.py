"""The program of `jobs.Workers`: a number of RQ workers, forked from one process that has imported everything once."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.process import BaseProcess

import redis

from jobs.exchange.client import client, unlist_unused_queue
from jobs.worker.local_worker import LocalWorker
from jobs.worker.local_workers import URL_VARIABLE
from jobs.worker.startup import Startup
from jobs.worker.worker import CONNECTION_ERRORS, log, new_name

LOG_LEVEL = "CRITICAL"
STOP_TIMEOUT = 10.0  # seconds after a request to stop until the workers are killed


def _run_worker(url: str, queue: str, startup: Startup) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        worker = LocalWorker([queue], name=new_name(), connection=client(url))
        worker.startup = startup
        log.setLevel(LOG_LEVEL)
        worker.work(logging_level=LOG_LEVEL)
        # It succeeds for the last worker. The process that has started the workers may have been killed.
        unlist_unused_queue(url, queue)
    except redis.RedisError as error:
        if startup.pending:
            sys.exit(str(error))
        if not isinstance(error, CONNECTION_ERRORS):  # of which the process that has started the workers learns itself
            raise


def run(url: str, startup: Startup, queue: str, count: int, folder: str, *preload: str) -> None:
    """Run `count` workers of the server at `url` until a SIGTERM, in `folder` unless it is empty."""
    if folder:
        os.chdir(folder)
        sys.path.insert(0, folder)
    else:
        sys.path.append(os.getcwd())
    for module in preload:
        importlib.import_module(module)
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_run_worker, args=(url, queue, startup)) for _ in range(count)]
    # A handler's exception could be lost, for instance if a fork calls back at that moment.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        for worker in workers:
            worker.start()
        startup.end()
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


def main() -> None:
    """Run the program with its arguments."""
    token, out, err, queue, count, *rest = sys.argv[1:]
    run(os.environ[URL_VARIABLE], Startup(token, out, err), queue, int(count), *rest)
