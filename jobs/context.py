"""Contexts whose processes are RQ jobs."""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable
from multiprocessing.util import Finalize
from typing import Any

from rq.job import Job

import broker
from broker.engine.arguments import check_timeout
from broker.errors import InvalidArgumentError, UnsupportedError
from jobs.children import Children, WorkerSource
from jobs.exchange import containers, queues
from jobs.pool import Pool
from jobs.process import Process

# An exit priority. When a process ends, multiprocessing first runs the finalizers whose priority is 0 or higher, then
# it terminates daemonic children and joins the others, and then it runs the other finalizers.
AFTER_CHILDREN = -10
REFUSED_POOLS = {  # by module, and what to use instead
    "multiprocessing.pool": "multiprocessing.pool.Pool: use the context's own Pool, which takes the same arguments",
    "concurrent.futures.process": "concurrent.futures.ProcessPoolExecutor: use jobs.Executor, which takes the same "
    "arguments",
}


class Context(broker.Context):
    """A `broker.Context` whose processes run on the RQ workers that listen on `queue`.

    A process that no worker has started after `start_timeout` seconds ends with exit code 1; by default it waits. If
    processes wait for more than a second, a line on standard error says how many, and what to do. `method` is
    multiprocessing's start method, which decides what a process inherits. A Ctrl-C in the terminal of this process
    reaches the processes as it reaches multiprocessing's, unless `forward_interrupts` is false. `keeper` is
    that of `broker.Context`, here and in the processes.

    As with multiprocessing, a process terminates its daemonic children and joins the others before it ends; then a
    context that has started any is closed. An unpickled context belongs to the job that has received it: what the job
    creates and starts with it ends with the job.
    """

    _workers: WorkerSource | None = WorkerSource()
    _simple_queue = queues.SimpleQueue
    _queue = queues.Queue
    _joinable_queue = queues.JoinableQueue
    _pipe_connection = queues.PipeConnection
    _stores = containers.STORES
    _managed_queue = containers.Queue
    _managed_joinable_queue = containers.JoinableQueue

    def __init__(
        self,
        url: str | None = None,
        *,
        queue: str = "lab",
        method: str | None = None,
        start_timeout: float | None = None,
        forward_interrupts: bool = True,
        keeper: str = "thread",
    ) -> None:
        super().__init__(url, method=method, keeper=keeper)
        self._method = method
        self.start_timeout = check_start_timeout(start_timeout)
        self.queue = queue
        self._forward_interrupts = forward_interrupts
        self.Process = type("Process", (Process,), {"_context": self})
        self._children: Children | None = None
        self._finalizer: Finalize | None = None

    def SimpleQueue(self, *, name: str | None = None) -> queues.SimpleQueue:  # type: ignore[override]  # noqa: N802
        """Return a queue without timeouts; raise `UnsupportedError` in a pool of the standard library.

        Such a pool waits for the file descriptors of its queues, which do not reach other hosts.
        """
        caller = sys._getframe(1).f_globals.get("__name__")
        if caller in REFUSED_POOLS:
            raise UnsupportedError(f"a context of jobs cannot run a {REFUSED_POOLS[caller]}")
        return self._simple_queue(name, context=self)

    def Pool(  # noqa: N802
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
    ) -> Pool:
        """Return multiprocessing's pool of processes of this context: by default as many as there are workers."""
        return Pool(self, processes, initializer, initargs, maxtasksperchild)

    @property
    def start_method(self) -> str:
        """How processes begin, as multiprocessing calls it: by default as the program has chosen for its own."""
        return self._method or multiprocessing.get_start_method(True) or multiprocessing.get_all_start_methods()[0]

    def enqueue(self, job_name: str, job_id: str, function: Callable[..., object], *args: object) -> Job:
        """Enqueue a call of `function` as a job without a timeout; `job_name` is what `lab workers` shows."""
        return self.children().rq_queue.enqueue(job_name, job_id, function, *args)

    def children(self) -> Children:
        """Return the jobs that this process has started."""
        if self._children is None or self._children.pid != os.getpid():  # a forked child does not inherit them
            self._children = Children(self.url, self.queue, self._forward_interrupts, self._workers)
            self.delete_on_close(self._children.status.queue, self._children.status.lock)
            self.close_at_exit()
        return self._children

    def close_at_exit(self) -> None:
        """Close this context when this process ends and its children have ended."""
        self._finalizer = Finalize(None, self.close, exitpriority=AFTER_CHILDREN)

    def close(self) -> None:
        """Do what `broker.Context.close` does; also kill this context's jobs, and delete them with their results."""
        children, self._children = self._children, None
        try:
            if children is not None and children.pid == os.getpid():
                children.close()
        finally:
            if self._finalizer is not None:
                self._finalizer.cancel()
            super().close()

    def __reduce__(self) -> tuple[object, ...]:
        return rebuild_context, (self.url, self.queue, self._method, self.start_timeout, self._forward_interrupts)


@functools.cache
def rebuild_context(
    url: str, queue: str, method: str | None, start_timeout: float | None, forward_interrupts: bool
) -> Context:
    """Return the context of this process for a pickled one; it is closed when this process ends."""
    context = Context(
        url, queue=queue, method=method, start_timeout=start_timeout, forward_interrupts=forward_interrupts
    )
    context.close_at_exit()
    return context


def get_context(
    url: str | None = None,
    *,
    queue: str = "lab",
    method: str | None = None,
    start_timeout: float | None = None,
    forward_interrupts: bool = True,
    keeper: str = "thread",
) -> Context:
    """Return a context after checking its server; raises what `broker.get_context` raises."""
    context = Context(
        url,
        queue=queue,
        method=method,
        start_timeout=start_timeout,
        forward_interrupts=forward_interrupts,
        keeper=keeper,
    )
    context.check()
    return context


def check_start_timeout(seconds: float | None) -> float | None:
    """Return a timeout; raise `InvalidArgumentError` unless it is None or a positive number of seconds."""
    if seconds is None:
        return None
    timeout = check_timeout(seconds, "start_timeout")
    if isinstance(seconds, bool) or timeout <= 0:
        raise InvalidArgumentError(f"start_timeout must be a positive number of seconds, or None, not {seconds!r}")
    return timeout
