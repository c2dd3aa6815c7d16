"""multiprocessing's pool; its processes are jobs."""

from __future__ import annotations

import functools
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

TASK_LEASE = 5.0  # seconds after which another process gets the task of a process that died


class Pool(multiprocessing.pool.Pool):
    """`multiprocessing.Pool` on RQ workers: each of its processes occupies a worker until the pool is closed.

    A task whose process is killed, or lost with its host, is run again by another process. If there are more processes
    than workers, the others wait for a worker. A pool that is dropped is terminated, as multiprocessing's.
    """

    _change_notifier: Any
    Process: Any

    def __init__(
        self,
        context: JobContext,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
    ) -> None:
        self._job_context = context
        # Not a method: the base class gives it to a thread, which would keep a dropped pool from being collected.
        self.Process = functools.partial(_make_process, type("Process", (_PoolProcess, context.Process), {}))
        if processes is None:
            processes = worker_count(context.url, context.queue) or os.cpu_count()
        # The base class gets multiprocessing's context for its own threads: they can wait only for files.
        super().__init__(processes, initializer, initargs, maxtasksperchild, multiprocessing.get_context())

    def _setup_queues(self) -> None:
        tasks, results = self._job_context.JoinableQueue(lease=TASK_LEASE), self._job_context.SimpleQueue()
        dispatcher = Dispatcher(tasks, results)
        self._inqueue = tasks
        self._outqueue = _ResultQueue(tasks, results)
        self._quick_put, self._quick_get = dispatcher.put_task, dispatcher.get_result

    def _get_sentinels(self) -> list[object]:
        return [self._change_notifier._reader]

    @staticmethod
    def _help_stuff_finish(*_: object) -> None:
        """Do nothing: the queue of tasks is unbounded, so no thread blocks in `put`."""


def _make_process(process_class: type[Any], _: object, *args: Any, **kwds: Any) -> Any:
    return process_class(*args, **kwds)


class _PoolProcess(BaseProcess):
    def terminate(self) -> None:
        super().terminate()
        self.join()  # the pool needs the pid of each process that is still alive, and one that has not started has none


class Dispatcher:
    """The pool's side: puts tasks, and gets one result for each."""

    def __init__(self, tasks: JoinableQueue, results: SimpleQueue) -> None:
        self._tasks = tasks
        self._results = results
        self._pending: set[tuple[int, int]] = set()  # tasks without a result

    def put_task(self, task: tuple[Any, ...] | None) -> None:
        """Put a task, or None after the last one."""
        if task is not None:
            self._pending.add(task[:2])
        self._tasks.put(task)

    def get_result(self) -> Any:
        """Return the next result of a pending task, or None if that was put."""
        while (result := self._results.get()) is not None and result[:2] not in self._pending:
            pass  # the task was run twice
        if result is not None:
            self._pending.discard(result[:2])
        return result


class _ResultQueue:
    """A process's side: a task is done when its result is in the queue."""

    def __init__(self, tasks: JoinableQueue, results: SimpleQueue) -> None:
        self._tasks = tasks
        self._results = results

    def put(self, result: object) -> None:
        self._results.put(result)
        if result is not None:  # the pool itself puts None after the last one
            with suppress(LeaseLostError):  # then another process runs the task again
                self._tasks.task_done()
