"""The RQ workers that the lab starts for one program: as many as its processes need."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack, suppress
from gettext import ngettext
from types import TracebackType

import redis
import rq

import jobs
from jobs.exchange.client import client_without_retries
from jobs.worker.local_workers import WorkersError

PRELOAD = ("lab.programs.rq_provider",)
LOOK_INTERVAL = 0.25  # seconds between looks at the queue


class OwnWorkers:
    """`count` workers, and more while processes wait for one, up to `limit`; all end with the block.

    A process waits if two looks in a row find it in the queue: until then, an idle worker takes it.
    """

    def __init__(self, url: str, queue: str, count: int, limit: int) -> None:
        self._url, self._queue = url, queue
        self._count, self._limit = 0, limit
        self._workers = ExitStack()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._start_as_needed, name="lab-workers", daemon=True)
        self._start(count)

    def __enter__(self) -> OwnWorkers:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._workers.close()

    def _start(self, count: int) -> None:
        self._workers.enter_context(jobs.Workers(self._url, self._queue, count, preload=PRELOAD))
        self._count += count

    def _start_as_needed(self) -> None:
        before = 0
        with client_without_retries(self._url) as connection:
            queue = rq.Queue(self._queue, connection=connection)
            while self._count < self._limit and not self._ended.wait(LOOK_INTERVAL):
                with suppress(redis.RedisError):  # the server may be restarted in this run
                    now = queue.count
                    missing, before = min(before, now, self._limit - self._count), now
                    if missing and not self._start_more(missing):
                        return

    def _start_more(self, count: int) -> bool:
        try:
            self._start(count)
        except WorkersError as error:
            sentence = ngettext(
                "{error}; processes wait for the only worker",
                "{error}; processes wait for one of {count} workers",
                self._count,
            )
            print(f"lab: {sentence.format(error=error, count=self._count)}", file=sys.stderr)
            return False
        return True
