"""The tasks of a pool on their way to its processes, and their results on the way back.

A process holds its task until it has put the result. Whether it still does depends on its life alone, which its worker
reports: a task may keep its process busy for as long as it likes. What a process held when it ended is taken back.
"""

from __future__ import annotations

import time
from collections import defaultdict
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.pool import ExceptionWithTraceback  # type: ignore[attr-defined]
from typing import Any, Protocol

from broker.errors import BrokerError, LeaseLostError
from jobs.exchange.client import SERVER_ERRORS
from jobs.exchange.pickling import dumps, loads
from jobs.exchange.queues import JoinableQueue, SimpleQueue

TASK_LEASE = 24 * 3600.0  # seconds; it matters only if the pool itself is gone
MAX_LOST_PROCESSES = 3  # so many processes may be killed, or lost, while they run a task
RETRY_INTERVAL = 1.0  # seconds between attempts to reach the server
MAX_FAILED_STARTS = 3  # for each process of a pool: so many may end in a row without having taken a task

Key = tuple[int, int]  # of a task: multiprocessing's numbers of the call and of the task in it


class LostTaskError(BrokerError):
    """Raised for a task of a pool that is not repeated: its process exited, or several were killed."""


class EndedProcess(Protocol):
    """A process of a pool that has ended; `jobs.popen.Popen` is one."""

    @property
    def returncode(self) -> int | None:
        """Its exit code."""

    @property
    def pid(self) -> int | None:
        """Its process id; None if it never started."""

    @property
    def host(self) -> str | None:
        """Its host's name."""


class TaskQueue:
    """A process's side: gets tasks."""

    def __init__(self, tasks: JoinableQueue, results: SimpleQueue) -> None:
        self._tasks = tasks
        self._results = ResultQueue(tasks, results)

    def get(self) -> Any:
        """Return the next task, or None if there are no more; the result of one that cannot be unpickled is that."""
        while (item := self._tasks.get()) is not None:
            key, pickled = item
            try:
                return loads(pickled)
            except Exception as error:
                self._results.put((*key, (False, ExceptionWithTraceback(error, error.__traceback__))))
        return None


class ResultQueue:
    """A process's side: a task is done when its result is in the queue."""

    def __init__(self, tasks: JoinableQueue, results: SimpleQueue) -> None:
        self._tasks = tasks
        self._results = results

    def put(self, result: object) -> None:
        """Put the result of the current task; the pool itself puts None after the last one."""
        self._results.put(result)
        if result is not None:
            with suppress(LeaseLostError):  # then another process runs the task again
                self._tasks.task_done()


class Dispatcher:
    """The pool's side: puts tasks, and gets one result for each; in a process it is a `TaskQueue`."""

    def __init__(self, tasks: JoinableQueue, results: SimpleQueue, processes: int = 1) -> None:
        self._tasks = tasks
        self._results = results
        self._pending: set[Key] = set()  # tasks without a result
        self._exit_codes: dict[Key, list[int]] = defaultdict(list)  # of processes that ended while they ran a task
        self._max_failed_starts = MAX_FAILED_STARTS * processes
        self._failed_starts = 0  # in a row
        self._error: BrokenProcessPool | None = None
        self._closed = False

    @property
    def broken(self) -> bool:
        """Whether the pool's processes fail to start; then so does each task."""
        return self._error is not None

    def put_task(self, task: tuple[Any, ...] | None) -> None:
        """Put a task, or None after the last one."""
        if task is None:
            self._tasks.put(None)
            return
        key, pickled = task[:2], dumps(task)
        self._pending.add(key)
        if self._error is None:
            self._tasks.put((key, pickled))
        else:
            self._fail(key, self._error)

    def get_result(self) -> Any:
        """Return the next result of a pending task, or None if that was put."""
        while (result := self._results.get()) is not None and result[:2] not in self._pending:
            pass  # the task was run twice
        if result is not None:
            self._failed_starts = 0
            self._pending.discard(result[:2])
            self._exit_codes.pop(result[:2], None)
        return result

    def take_back(self, process: EndedProcess) -> None:
        """Repeat the task that this process ran when it ended, or let it fail; there may be none.

        While the server cannot be reached, this waits.
        """
        while not self._closed:
            try:
                self._take_back(process)
                return
            except SERVER_ERRORS:
                time.sleep(RETRY_INTERVAL)

    def close(self) -> None:
        """Take nothing back any more: the pool ends its processes itself."""
        self._closed = True

    def _take_back(self, process: EndedProcess) -> None:
        exitcode = process.returncode or 0
        tokens = [] if process.pid is None else self._tasks.tokens_of(f"{process.host}/{process.pid}/")
        held = [(token, self._tasks.read_item(token)) for token in tokens]
        for token, item in held:
            if item is None or self._may_repeat(item[0], exitcode):
                self._tasks.give_back(token)
            elif self._tasks.finish(token):
                self._fail(item[0], _lost(self._exit_codes[item[0]]))
        if exitcode and not any(item for _, item in held):
            self._count_failed_start(exitcode)

    def join(self) -> None:
        """Wait until all tasks are done."""
        self._tasks.join()

    def _may_repeat(self, key: Key, exitcode: int) -> bool:
        """Return whether a task may succeed that has ended one more process: not if the task itself did that."""
        self._exit_codes[key].append(exitcode)
        return exitcode < 0 and len(self._exit_codes[key]) < MAX_LOST_PROCESSES

    def _count_failed_start(self, exitcode: int) -> None:
        self._failed_starts += 1
        if self._failed_starts >= self._max_failed_starts and not self._tasks.count_held():
            self._error = BrokenProcessPool(
                f"the pool starts no more processes: the last {self._failed_starts} ended before they took a task "
                f"(exit code {exitcode}); see what they have printed"
            )
            for key in list(self._pending):
                self._fail(key, self._error)

    def _fail(self, key: Key, error: Exception) -> None:
        self._results.put((*key, (False, error)))

    def __reduce__(self) -> tuple[object, ...]:
        return TaskQueue, (self._tasks, self._results)


def _lost(exit_codes: list[int]) -> LostTaskError:
    if exit_codes[-1] >= 0:
        return LostTaskError(
            f"a task of the pool has no result: its process exited with code {exit_codes[-1]} while it ran the task, "
            "which is therefore not repeated"
        )
    codes = ", ".join(map(str, exit_codes))
    return LostTaskError(
        f"a task of the pool has no result: {len(exit_codes)} processes were killed or lost while they ran it (exit "
        f"codes {codes}), and it is not repeated again"
    )
