"""Contexts whose processes are RQ jobs."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from multiprocessing.util import Finalize
from typing import Any

from rq.job import Job

import broker
from broker.engine.handle import Handle
from jobs.children import AFTER_CHILDREN, Children
from jobs.exchange import queues
from jobs.pool import Pool
from jobs.process import Process


class Context(broker.Context):
    """A `broker.Context` whose processes run on the RQ workers that listen on `queue`.

    As with multiprocessing, this process's end is also its daemons', and comes after that of its other children; then
    a context that has started any is closed. In a job that it was sent to, a context is the job's own: what the job
    makes and starts ends with the job.
    """

    _simple_queue = queues.SimpleQueue
    _queue = queues.Queue
    _joinable_queue = queues.JoinableQueue
    _pipe_connection = queues.PipeConnection

    def __init__(self, url: str | None = None, *, queue: str = "lab") -> None:
        super().__init__(url)
        self.queue = queue
        self.Process = type("Process", (Process,), {"_context": self})
        self._children: Children | None = None
        self._end: Finalize | None = None

    def Pool(  # noqa: N802
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
    ) -> Pool:
        """Return multiprocessing's pool of processes of this context: by default as many as there are workers."""
        return Pool(self, processes, initializer, initargs, maxtasksperchild)

    def enqueue(self, job_name: str, job_id: str, function: Callable[..., object], *args: object) -> Job:
        """Put a call of `function` on the queue as a job without a time limit."""
        return self.children().rq_queue.enqueue(job_name, job_id, function, *args)

    def adopt(self, *handles: Handle) -> None:
        """Delete these handles, too, when this context is closed."""
        for handle in handles:
            self.own(handle, None)

    def children(self) -> Children:
        """Return the jobs that this process has started."""
        if self._children is None or self._children.process != os.getpid():  # a forked child has none of its parent's
            self._children = Children(self.url, self.queue)
            self.adopt(self._children.status.channel)
            self.end_with_process()
        return self._children

    def end_with_process(self) -> None:
        """Close this context when this process's code and its children have ended, unless that was done before."""
        self._end = Finalize(None, self.close, exitpriority=AFTER_CHILDREN)

    def close(self) -> None:
        """Do what `broker.Context.close` does, end this context's jobs and delete them with their results."""
        if self._children is not None:
            self._children.end()
            self._children = None
        if self._end is not None:
            self._end.cancel()
        super().close()

    def __reduce__(self) -> tuple[object, ...]:
        return context_here, (self.url, self.queue)


@functools.cache
def context_here(url: str, queue: str) -> Context:
    """Return the context that a job has for what it was sent to it with; it ends with the job."""
    context = Context(url, queue=queue)
    context.end_with_process()
    return context


def get_context(url: str | None = None, *, queue: str = "lab") -> Context:
    """Return a context whose server was reached and found fit; raises what `broker.get_context` raises."""
    context = Context(url, queue=queue)
    context.check()
    return context
