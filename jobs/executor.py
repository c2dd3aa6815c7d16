"""`concurrent.futures`' process pool; its processes are jobs."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, ParamSpec, TypeVar

from jobs.calls import Call, Calls
from jobs.context import Context
from jobs.exchange.worker_list import worker_count
from jobs.job_context import JobContext

P = ParamSpec("P")
T = TypeVar("T")


class Executor(ProcessPoolExecutor):
    """`concurrent.futures.ProcessPoolExecutor` on the RQ workers of `mp_context`, by default a new `jobs.Context`.

    It has at most `max_workers` processes, by default as many as there are workers. Each is started when a call finds
    the others busy, and occupies a worker until the executor is shut down or dropped, or `max_tasks_per_child` calls
    are done. `map` and its `chunksize`, and what happens at the program's end, are as documented there.

    If a process ends abruptly, or the initializer raises, or the server stays unavailable, the calls that are not done
    raise `BrokenProcessPool`, and so does `submit` from then on. No call is run twice. A call, a value or an exception
    that cannot be pickled concerns its own future only.

    Raises `ValueError` if `max_workers` or `max_tasks_per_child` is not positive, and `TypeError` if `initializer` is
    not callable.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: JobContext | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        *,
        max_tasks_per_child: int | None = None,
    ) -> None:
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if max_tasks_per_child is not None and max_tasks_per_child <= 0:
            raise ValueError("max_tasks_per_child must be >= 1")
        context = Context() if mp_context is None else mp_context
        self._max_workers = max_workers or worker_count(context.url, context.queue) or os.cpu_count() or 1
        self._calls = Calls(context, self._max_workers, initializer, tuple(initargs), max_tasks_per_child)
        weakref.finalize(self, self._calls.shut_down, wait=False).atexit = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Return the future of a call; raise `RuntimeError` after `shutdown`, and `BrokenProcessPool` (see above)."""
        future: Future[T] = Future()
        self._calls.submit(Call(future, fn, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; `wait` until those that were submitted are done and the processes have ended.

        With `cancel_futures`, calls that no process has got yet are cancelled.
        """
        self._calls.shut_down(wait, cancel_futures)
