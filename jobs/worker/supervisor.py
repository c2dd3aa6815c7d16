"""A number of workers on one host, each of which is replaced when it exits: what `lab worker` runs."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress
from multiprocessing.process import BaseProcess

import redis
from rq.worker_pool import ForkProcess, WorkerData, WorkerPool

from jobs.exchange.client import client, unlist_unused_queue
from jobs.worker.worker import CONNECTION_ERRORS, RETRY_INTERVAL, Worker, log, new_name

RQ_LOG_LEVEL = "ERROR"  # below it, RQ logs every step, with the arguments of jobs


class Supervisor(WorkerPool):
    """RQ's pool of `Worker`s.

    SIGTERM and SIGINT are forwarded to each of them, each time; `run` returns when all have exited. A worker that exits
    by itself is replaced within a second.
    """

    def __init__(self, url: str, queue: str, count: int) -> None:
        super().__init__([queue], connection=client(url), num_workers=count)
        self._url = url

    def run(self) -> None:
        """Run the workers until a SIGTERM or a SIGINT."""
        logging.getLogger("rq").setLevel(RQ_LOG_LEVEL)
        self.start(logging_level=RQ_LOG_LEVEL)
        with suppress(*CONNECTION_ERRORS):
            for queue in self._queue_names:
                unlist_unused_queue(self._url, queue)

    def get_worker_process(self, name: str, *_: object, **__: object) -> BaseProcess:
        return ForkProcess(target=_run_worker, args=(self._url, self._queue_names), name=name)

    def reap_workers(self) -> None:
        for worker in list(self.worker_dict.values()):  # RQ's own method waits for each of them in turn
            if not worker.process.is_alive():
                self.handle_dead_worker(worker)

    def handle_dead_worker(self, worker_data: WorkerData) -> None:
        if self.status is not self.Status.STOPPED:
            log.warning("worker with pid %d exited; starting another", worker_data.pid)
        super().handle_dead_worker(worker_data)


def _run_worker(url: str, queues: list[str]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # until the worker installs its own handlers
    os.setpgrp()  # a terminal's Ctrl-C reaches the supervisor, and not the running jobs
    connection = client(url)
    _wait_for_server(connection)
    try:
        Worker(queues, name=new_name(), connection=connection).work(logging_level=RQ_LOG_LEVEL)
    except CONNECTION_ERRORS as error:  # the supervisor starts another, which waits for the server
        log.warning("worker with pid %d lost the connection to the server (%s)", os.getpid(), error)


def _wait_for_server(connection: redis.Redis) -> None:
    while True:
        try:
            connection.ping()
        except CONNECTION_ERRORS:
            time.sleep(RETRY_INTERVAL)
        else:
            return
