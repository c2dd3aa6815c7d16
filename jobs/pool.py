"""multiprocessing's pool, its workers jobs."""

from __future__ import annotations

import multiprocessing
import multiprocessing.pool
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import Any

from broker.errors import LeaseLostError
from broker.messages.queues import JoinableQueue, SimpleQueue
from jobs.exchange.worker_list import worker_count
from jobs.job_context import JobContext

LEASE = 5.0  # seconds after which the task of a process that died is another's


class Pool(multiprocessing.pool.Pool):
    """`multiprocessing.Pool` on RQ workers: each process of it occupies one until the pool is closed.

    A task whose process is killed, or loses its host, is done again by another one. Of more processes than there are
    workers the rest waits for its turn.
    """

    _change_notifier: Any

    def __init__(
        self,
        context: JobContext,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
    ) -> None:
        self._jobs = context
        self._worker = type("Process", (_Worker, context.Process), {})
        if processes is None:
            processes = worker_count(context.url, context.queue) or os.cpu_count()
        # The context is for what the pool's own threads tell each other; they wait for files only.
        super().__init__(processes, initializer, initargs, maxtasksperchild, multiprocessing.get_context())

    def Process(self, _: object, *args: Any, **kwds: Any) -> Any:  # type: ignore[override]  # noqa: N802
        """Return a process of the pool."""
        return self._worker(*args, **kwds)

    def _setup_queues(self) -> None:
        tasks, results = self._jobs.JoinableQueue(lease=LEASE), self._jobs.SimpleQueue()
        desk = Desk(tasks, results)
        self._inqueue = tasks
        self._outqueue = _Results(tasks, results)
        self._quick_put, self._quick_get = desk.put, desk.get

    def _get_sentinels(self) -> list[object]:
        return [self._change_notifier._reader]

    @staticmethod
    def _help_stuff_finish(*_: object) -> None:
        """Do nothing: there is always room for another task."""


class _Worker(BaseProcess):
    def terminate(self) -> None:
        super().terminate()
        self.join()  # the pool then asks those that still live for a process id, which some would not have yet


class Desk:
    """The pool's side: hands out tasks, and takes one result for each."""

    def __init__(self, tasks: JoinableQueue, results: SimpleQueue) -> None:
        self._tasks = tasks
        self._results = results
        self._open: set[tuple[int, int]] = set()  # tasks without a result

    def put(self, task: tuple[Any, ...] | None) -> None:
        """Hand out a task, or say by None that there are no more."""
        if task is not None:
            self._open.add(task[:2])
        self._tasks.put(task)

    def get(self) -> Any:
        """Return the next result of a task that has none yet, or None if somebody put that."""
        while (result := self._results.get()) is not None and result[:2] not in self._open:
            pass  # a task that was done twice
        if result is not None:
            self._open.discard(result[:2])
        return result


class _Results:
    """A worker's side: a task is done when its result is safe."""

    def __init__(self, tasks: JoinableQueue, results: SimpleQueue) -> None:
        self._tasks = tasks
        self._results = results

    def put(self, result: object) -> None:
        self._results.put(result)
        if result is not None:  # which the pool puts itself, to say that there are no more
            with suppress(LeaseLostError):  # then another worker does it again
                self._tasks.task_done()
