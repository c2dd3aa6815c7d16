"""The calls of an executor: processes that run them, and the thread that collects what they return."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from concurrent.futures.process import BrokenProcessPool, _ExceptionWithTraceback
from contextlib import suppress
from typing import Any, NamedTuple

from broker.errors import BrokerError
from broker.messages.queues import SimpleQueue
from jobs.exchange.pickling import dumps, loads
from jobs.job_context import JobContext

log = logging.getLogger("concurrent.futures")  # as of the standard library's executors

EXTRA_CALLS = 1  # beyond one for each process, so that none has to wait; a call that was handed out is not cancelled
UNUSABLE = "A child process terminated abruptly, the process pool is not usable anymore"
LOST = "A process in the process pool was terminated abruptly while the future was running or pending."


class Call(NamedTuple):
    """A call that no process has got yet."""

    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Returned(NamedTuple):
    """What a process sends when a call has ended: the pickled value and exception."""

    call: int
    outcome: bytes


class Leaving(NamedTuple):
    """What a process sends before it ends of its own accord."""

    process: int


class Exited(NamedTuple):
    """What is put in the queue when a process has ended, after all that it has sent."""

    process: int


def run_calls(
    process: int,
    calls: SimpleQueue,
    results: SimpleQueue,
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
    max_calls: int | None,
) -> None:
    """Run calls until there is None, or `max_calls` are done; a process of an executor does this."""
    if initializer is not None:
        try:
            initializer(*initargs)
        except BaseException:
            log.critical("Exception in initializer:", exc_info=True)
            return
    for _ in itertools.count() if max_calls is None else range(max_calls):
        call = calls.get()
        if call is None:
            break
        number, payload = call
        results.put(Returned(number, _outcome(payload)))
    results.put(Leaving(process))


def _outcome(payload: bytes) -> bytes:
    try:
        function, args, kwargs = loads(payload)
        return dumps((function(*args, **kwargs), None))
    except BaseException as error:
        return _failed(error)


def _failed(error: Any) -> bytes:
    try:
        return dumps((None, _ExceptionWithTraceback(error, error.__traceback__)))
    except Exception as unpicklable:
        return _failed(unpicklable)


class Calls:
    """All calls of one executor, and its processes.

    A process is started for a call that finds all others busy. If one ends that was not told to, everything is broken.
    """

    def __init__(
        self,
        context: JobContext,
        max_workers: int,
        initializer: Callable[..., object] | None,
        initargs: tuple[Any, ...],
        max_calls: int | None,
    ) -> None:
        self.processes: dict[int, Any] = {}
        self._pid = os.getpid()
        self._context = context
        self._max_workers = max_workers
        self._process_arguments = initializer, initargs, max_calls
        self._numbers = itertools.count()
        self._lock = threading.RLock()  # reentrant: a future's callback may submit
        self._pending: deque[Call] = deque()
        self._running: dict[int, Future[Any]] = {}
        self._leaving: set[int] = set()
        self._reporters: list[threading.Thread] = []
        self._thread: threading.Thread | None = None
        self._broken = self._shut_down = self._dismissed = False
        _all_calls.add(self)

    def submit(self, call: Call) -> None:
        """Take a call; raise `BrokenProcessPool` or `RuntimeError` if none is taken any more."""
        with self._lock:
            if self._broken:
                raise BrokenProcessPool(UNUSABLE)
            if self._shut_down:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._start_collecting()
            self._start_processes(1)
            self._pending.append(call)
            self._hand_out()

    def shut_down(self, wait: bool, cancel_futures: bool = False) -> None:
        """Take no more calls, and end the processes when those that were taken are done."""
        if self._pid != os.getpid():  # a forked child ends: they are its parent's
            return
        with self._lock:
            self._shut_down = True
            while cancel_futures and self._pending:
                self._pending.popleft().future.cancel()
            thread = self._thread
            if self._dismiss_if_done() and thread is not None:
                self._results.put(None)  # the thread may wait with no process left that would send anything
        if wait and thread is not None:
            thread.join()

    def _start_collecting(self) -> None:
        if self._thread is None:
            self._calls, self._results = self._context.SimpleQueue(), self._context.SimpleQueue()
            self._thread = threading.Thread(target=self._collect, name="Executor", daemon=True)
            self._thread.start()

    def _start_processes(self, more_calls: int = 0) -> None:
        calls = len(self._pending) + len(self._running) + more_calls
        while len(self.processes) < min(calls, self._max_workers):
            number = next(self._numbers)
            arguments = (number, self._calls, self._results, *self._process_arguments)
            process = self._context.Process(target=run_calls, args=arguments)
            process.start()
            self.processes[number] = process
            reporter = threading.Thread(target=self._report_exit, args=(number, process), daemon=True)
            self._reporters.append(reporter)
            reporter.start()

    def _report_exit(self, number: int, process: Any) -> None:
        with suppress(BrokerError):  # then the other thread has noticed, too
            process.join()
            self._results.put(Exited(number))

    def _hand_out(self) -> None:
        while self._pending and len(self._running) < self._max_workers + EXTRA_CALLS:
            future, *call = self._pending.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            number = next(self._numbers)
            self._running[number] = future
            try:
                self._calls.put((number, dumps(call)))
            except Exception as error:
                del self._running[number]
                future.set_exception(error)

    def _collect(self) -> None:
        try:
            while not self._is_finished():
                self._handle(self._results.get())
        except Exception as error:
            self._break(error)
        for reporter in self._reporters:
            reporter.join()
        with suppress(BrokerError):  # then they expire
            self._calls.delete()
            self._results.delete()

    def _is_finished(self) -> bool:
        with self._lock:
            return self._dismissed and not self.processes and not self._leaving

    def _handle(self, message: Returned | Leaving | Exited | None) -> None:
        with self._lock:
            future = self._running.pop(message.call) if isinstance(message, Returned) else None
            if isinstance(message, Leaving):
                del self.processes[message.process]
                self._leaving.add(message.process)
                self._start_processes()
            elif isinstance(message, Exited):
                if message.process not in self._leaving:
                    raise BrokenProcessPool(LOST)
                self._leaving.remove(message.process)
            self._hand_out()
        if isinstance(message, Returned) and future is not None:
            _set_outcome(future, message.outcome)
        with self._lock:
            self._dismiss_if_done()

    def _dismiss_if_done(self) -> bool:
        """Tell the processes to end if no call is left; return whether this was the moment.

        Before it the thread cannot have ended, so its queues exist; after it, a put might create them anew.
        """
        done = self._shut_down and not self._pending and not self._running and not self._dismissed
        if done:
            self._dismissed = True
            for _ in self.processes:
                self._calls.put(None)
        return done

    def _break(self, cause: Exception) -> None:
        with self._lock:
            self._broken = self._shut_down = self._dismissed = True
            futures = [*self._running.values(), *(call.future for call in self._pending)]
            self._running.clear()
            self._pending.clear()
        for future in futures:
            error = BrokenProcessPool(LOST)
            error.__cause__ = None if isinstance(cause, BrokenProcessPool) else cause
            with suppress(InvalidStateError):  # it was cancelled
                future.set_exception(error)
        for process in self.processes.values():
            with suppress(BrokerError):
                process.terminate()


def _set_outcome(future: Future[Any], outcome: bytes) -> None:
    try:
        value, error = loads(outcome)
    except Exception as unpicklable:
        future.set_exception(unpicklable)
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


_all_calls: weakref.WeakSet[Calls] = weakref.WeakSet()


def _finish_all() -> None:
    for calls in list(_all_calls):
        calls.shut_down(wait=True)


# As the standard library does: calls that were submitted are run before the interpreter joins its threads.
threading._register_atexit(_finish_all)  # type: ignore[attr-defined]
