"""The tasks of a pool on their way to its processes, and their results on the way back.

A process holds its task until its result is on the server. Whether it still does depends on its life alone, which its
worker reports: a task may keep its process busy for as long as it likes. What a process held when it ended is taken
back.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.pool import ExceptionWithTraceback  # type: ignore[attr-defined]
from typing import Any

from broker.errors import BrokerError
from broker.messages.tasks import ResultReader, TaskWriter, Worker
from jobs.exchange.client import SERVER_ERRORS
from jobs.exchange.pickling import loads
from jobs.exchange.task_queue import RESULT, TASK, Key, Tasks
from jobs.task_sender import TaskSender

MAX_LOST_PROCESSES = 3  # so many processes may be killed, or lost, while they run a task
RETRY_INTERVAL = 1.0  # seconds between attempts to reach the server
MAX_FAILED_STARTS = 3  # for each process of a pool: so many may end in a row without having asked for a task
NO_MORE = (-1, -1)  # the key of no task


class LostTaskError(BrokerError):
    """Raised for a task of a pool that is not repeated: its process exited, or several were killed."""


class ProcessTasks:
    """A process's side: gets tasks, and puts their results, each of which is sent with the request for the next task.

    After `max_tasks` results, if that is not None, the process ends, and no task is requested.
    """

    def __init__(self, tasks: Tasks, name: bytes, max_tasks: int | None) -> None:
        self.name = name
        self._tasks = tasks
        self._worker = Worker(tasks, name)
        self._left = max_tasks
        self._result = b""  # of the current task, not sent yet

    def get(self) -> Any:
        """Return the next task, or None if there are no more; the result of one that cannot be unpickled is that."""
        while True:
            task = self._worker.exchange(self._take_result())
            if task is None:
                return None
            unpacked = self._tasks.unpack(TASK, task)
            if unpacked is None:
                continue
            key, pickled = unpacked
            try:
                return *key, *loads(pickled)
            except Exception as error:
                self._result = self._pack((*key, (False, ExceptionWithTraceback(error, error.__traceback__))))

    def put(self, result: tuple[Any, ...]) -> None:
        """Put the result of the current task."""
        self._result = self._pack(result)
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                self._worker.leave(self._take_result())

    def _take_result(self) -> bytes:
        result, self._result = self._result, b""
        return result

    def _pack(self, result: tuple[Any, ...]) -> bytes:
        return self._tasks.pack(RESULT, result[:2], result[2])


class Dispatcher:
    """The pool's side: puts tasks, and gets one result for each.

    `calls` are multiprocessing's results of calls, by their numbers; those of tasks that cannot be put are set there.
    `on_failed_start` has the pool replace a process that could not be started; None while it starts the first ones.
    """

    def __init__(self, tasks: Tasks, processes: int) -> None:
        self.calls: dict[int, Any] = {}
        self.on_failed_start: Callable[[], object] | None = None
        self._tasks = tasks
        self._sender = TaskSender(TaskWriter(tasks), self._not_put)
        self._result_reader = ResultReader(tasks)
        self._results: deque[bytes] = deque()  # received, not returned yet
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

    def side_of_process(self, max_tasks: int | None) -> ProcessTasks:
        """Return what a new process gets."""
        return ProcessTasks(self._tasks, uuid.uuid4().hex.encode(), max_tasks)

    def add_process(self, process: ProcessTasks) -> None:
        """Let a process get tasks, before it is started."""
        self._tasks.add_worker(process.name)

    def put_task(self, task: tuple[Any, ...] | None) -> None:
        """Put a task, or None after the last one."""
        if task is None:
            self._sender.close()
            return
        key, packed = task[:2], self._tasks.pack(TASK, task[:2], task[2:])
        self._pending.add(key)
        if self._error is None:
            self._sender.put(packed)
        else:
            self._fail(key, self._error)

    def put(self, _: None) -> None:
        """Have `get_result` return None after the results that are there; the name is that of a queue of results."""
        self._tasks.add_result(self._tasks.pack(RESULT, NO_MORE, None))

    def get_result(self) -> Any:
        """Return the next result of a pending task, or None; one that cannot be unpickled is an error.

        If results cannot be read, the tasks that are pending fail with that error, and it is tried again until `close`.
        """
        while True:
            if not self._results and not self._read_results():
                return None
            unpacked = self._tasks.unpack(RESULT, self._results.popleft())
            if unpacked is None or unpacked[0] not in self._pending:  # else the task was run twice
                if unpacked is not None and unpacked[0] == NO_MORE:
                    return None
                continue
            key, pickled = unpacked
            self._failed_starts = 0
            self._pending.discard(key)
            self._exit_codes.pop(key, None)
            try:
                return *key, loads(pickled)
            except Exception as error:
                return *key, (False, error)

    def take_back(self, process: ProcessTasks, exitcode: int) -> None:
        """Repeat the task that a process held when it ended, or let it fail; there may be none.

        While the server cannot be reached, this waits.
        """
        while not self._closed:
            try:
                self._take_back(process.name, exitcode)
                return
            except SERVER_ERRORS:
                time.sleep(RETRY_INTERVAL)

    def close(self) -> None:
        """Put nothing and take nothing back any more: the pool ends its processes itself."""
        self._closed = True
        self._sender.stop()

    def delete(self) -> None:
        """Delete what is left on the server, when the pool's processes have ended."""
        with suppress(*SERVER_ERRORS):  # then it is deleted when the context is closed
            self._tasks.delete()

    def __reduce__(self) -> tuple[object, ...]:
        return type(None), ()  # a process has its own side

    def _take_back(self, name: bytes, exitcode: int) -> None:
        has_started = exitcode == 0 or self._tasks.has_asked(name)
        task = self._tasks.remove_worker(name)
        unpacked = None if task is None else self._tasks.unpack(TASK, task)
        if unpacked is not None:
            key = unpacked[0]
            if self._may_repeat(key, exitcode):
                self._tasks.return_task(name)
                self._sender.wake_later()
            else:
                self._fail(key, _lost(self._exit_codes[key]))
                self._tasks.drop_task(name)
        elif not has_started:
            self._count_failed_start(exitcode)

    def _may_repeat(self, key: Key, exitcode: int) -> bool:
        """Return whether a task may succeed that has ended one more process: not if the task itself did that."""
        self._exit_codes[key].append(exitcode)
        return exitcode < 0 and len(self._exit_codes[key]) < MAX_LOST_PROCESSES

    def _count_failed_start(self, exitcode: int) -> None:
        self._failed_starts += 1
        if self._failed_starts >= self._max_failed_starts and not self._tasks.count_held():
            self._error = BrokenProcessPool(
                f"the pool starts no more processes: the last {self._failed_starts} ended before they asked for a task "
                f"(exit code {exitcode}); see what they have printed"
            )
            for key in list(self._pending):
                self._fail(key, self._error)

    def _fail(self, key: Key, error: Exception) -> None:
        self._tasks.add_result(self._tasks.pack(RESULT, key, (False, error)))

    def _read_results(self) -> bool:
        """Receive results; return False if the pool was closed meanwhile."""
        while True:
            try:
                self._results.extend(self._result_reader.read())
                return True
            except BrokerError as error:
                if self._closed:
                    return False
                self._fail_here(list(self._pending), error)
                time.sleep(RETRY_INTERVAL)

    def _not_put(self, error: Exception, packed: Iterable[bytes]) -> None:
        unpacked = (self._tasks.unpack(TASK, task) for task in packed)
        self._fail_here([task[0] for task in unpacked if task is not None], error)

    def _fail_here(self, keys: Iterable[Key], error: Exception) -> None:
        """Set the results of pending tasks without the server."""
        for key in keys:
            if key in self._pending:
                self._pending.discard(key)
                call, number = key
                if call in self.calls:
                    self.calls[call]._set(number, (False, error))


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
