"""multiprocessing's pool; its processes are jobs."""

from __future__ import annotations

import copy
import functools
import multiprocessing
import multiprocessing.pool
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from multiprocessing.process import BaseProcess
from typing import Any

from jobs.exchange.task_queue import Tasks
from jobs.exchange.worker_list import worker_count
from jobs.job_context import JobContext
from jobs.tasks import RETRY_INTERVAL, Dispatcher


class Pool(multiprocessing.pool.Pool):
    """`multiprocessing.Pool` on RQ workers: each of its processes occupies a worker until the pool is closed.

    A task whose process is killed, or lost with its host, is run again by another process. If the task itself ends its
    process, or three processes are killed while they run it, it raises `LostTaskError`. If processes end in a row
    before they ask for a task, for instance because the initializer raises, all tasks raise `BrokenProcessPool`.

    If there are more processes than workers, the others wait for a worker. A pool that is dropped is terminated, as
    multiprocessing's.
    """

    _cache: dict[int, Any]
    _change_notifier: Any
    _processes: int

    def __init__(
        self,
        context: JobContext,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
    ) -> None:
        self._job_context = context
        if processes is None:
            processes = worker_count(context.url, context.queue) or os.cpu_count() or 1
        self._processes = processes  # which the base class sets too late for `_setup_queues`
        # The base class gets multiprocessing's context for its own threads: they can wait only for files.
        own_context: Any = copy.copy(multiprocessing.get_context())
        own_context.Process = type("Process", (_PoolProcess, context.Process), {})
        super().__init__(processes, initializer, initargs, maxtasksperchild, own_context)
        self._inqueue.calls = self._cache  # which the base class creates after `_setup_queues`

    def _setup_queues(self) -> None:
        self._inqueue = self._outqueue = Dispatcher(Tasks(context=self._job_context), self._processes)
        self._quick_put, self._quick_get = self._inqueue.put_task, self._inqueue.get_result

    def _repopulate_pool(self) -> None:
        super()._repopulate_pool()  # type: ignore[misc]
        self._inqueue.on_failed_start = functools.partial(self._change_notifier.put, None)

    def _get_sentinels(self) -> list[object]:
        return [self._change_notifier._reader]

    @staticmethod
    def _help_stuff_finish(*_: object) -> None:
        """Do nothing: `Dispatcher.close` ends what blocks in `put_task`."""

    @classmethod
    def _terminate_pool(cls, taskqueue: Any, inqueue: Dispatcher, *rest: Any) -> None:
        inqueue.close()
        super()._terminate_pool(taskqueue, inqueue, *rest)  # type: ignore[misc]
        inqueue.delete()


class _PoolProcess(BaseProcess):
    """One of a pool's processes; the pool replaces those that have ended, after it has joined them."""

    _popen: Any

    def __init__(self, *, args: tuple[Any, ...], **options: Any) -> None:
        self._dispatcher: Dispatcher = args[0]
        initializer, initargs, max_tasks, wrap_exception = args[2:]
        self._tasks = self._dispatcher.side_of_process(max_tasks)
        super().__init__(args=(self._tasks, self._tasks, initializer, initargs, max_tasks, wrap_exception), **options)

    def start(self) -> None:
        """Start it, unless the pool's processes fail to start.

        If one that replaces another cannot be started, it counts as killed, and the pool replaces it, too.
        """
        if self._dispatcher.broken:
            self._popen = _Unstarted()
            return
        try:
            self._dispatcher.add_process(self._tasks)
            super().start()
        except Exception as error:
            if self._dispatcher.on_failed_start is None:
                raise
            print(f"{self.name} did not start: {error}", file=sys.stderr)
            self._popen = _Unstarted(-signal.SIGKILL)  # its job may have been enqueued, and even have taken a task
            time.sleep(RETRY_INTERVAL)
            self._dispatcher.on_failed_start()

    @property
    def sentinel(self) -> int:
        """As of every process; one that was not started has none."""
        if isinstance(self._popen, _Unstarted):
            raise AttributeError("not started")
        return super().sentinel

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, and take back the task that it ran."""
        super().join(timeout)
        if self._popen.returncode is not None:
            self._dispatcher.take_back(self._tasks, self._popen.returncode)

    def terminate(self) -> None:
        super().terminate()
        self.join()  # the pool needs the pid of each process that is still alive, and one that has not started has none


class _Unstarted:
    """In the place of a process that a pool would start again and again, or that could not be started."""

    pid = host = None

    def __init__(self, returncode: int | None = None) -> None:
        self.returncode = returncode

    def poll(self) -> int | None:
        """Return the exit code; None until it is waited for."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:  # noqa: ARG002 - multiprocessing's name
        """Return the exit code, by default 0: it has nothing to do."""
        self.returncode = self.returncode or 0
        return self.returncode

    def terminate(self) -> None:
        """Do nothing."""
