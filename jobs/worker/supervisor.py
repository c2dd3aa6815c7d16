"""Several workers on one host, kept in number: what `lab worker` runs."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress
from multiprocessing.process import BaseProcess

import redis
from rq.worker_pool import ForkProcess, WorkerData, WorkerPool

from jobs.exchange.client import client, delete_unused_queue
from jobs.worker.worker import AWAY, LOOK, Worker, log, new_name

QUIET = "ERROR"  # below it, RQ writes about every step, with the arguments of jobs


class Supervisor(WorkerPool):
    """RQ's pool of `Worker`s.

    A request to stop (SIGTERM, SIGINT) is passed on to each of them, as often as it comes; `run` returns when all have
    ended. One that ends by itself is replaced within a second.
    """

    def __init__(self, url: str, queue: str, count: int) -> None:
        super().__init__([queue], connection=client(url), num_workers=count)
        self._url = url

    def run(self) -> None:
        """Work until a request to stop."""
        logging.getLogger("rq").setLevel(QUIET)
        self.start(logging_level=QUIET)
        with suppress(*AWAY):
            for queue in self._queue_names:
                delete_unused_queue(self._url, queue)

    def get_worker_process(self, name: str, *_: object, **__: object) -> BaseProcess:
        return ForkProcess(target=_work, args=(self._url, self._queue_names), name=name)

    def reap_workers(self) -> None:
        for worker in list(self.worker_dict.values()):  # RQ would wait for each of them in turn
            if not worker.process.is_alive():
                self.handle_dead_worker(worker)

    def handle_dead_worker(self, worker_data: WorkerData) -> None:
        if self.status is not self.Status.STOPPED:
            log.warning("the worker with pid %d has ended; another takes its place", worker_data.pid)
        super().handle_dead_worker(worker_data)


def _work(url: str, queues: list[str]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # until the worker has something to lose
    os.setpgrp()  # a terminal's Ctrl-C is for the supervisor, and not for the processes that run
    connection = client(url)
    _await(connection)
    try:
        Worker(queues, name=new_name(), connection=connection).work(logging_level=QUIET)
    except AWAY as error:  # another will wait for it
        log.warning("the worker with pid %d has lost the server (%s)", os.getpid(), error)


def _await(connection: redis.Redis) -> None:
    while True:
        try:
            connection.ping()
        except AWAY:
            time.sleep(LOOK)
        else:
            return
