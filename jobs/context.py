"""Contexts whose processes are RQ jobs."""

from __future__ import annotations

from collections.abc import Callable

import rq

import broker
from broker.handle import Handle
from jobs.process import Process
from jobs.workers import client

FAREWELL = 2  # seconds until a job that does not end is deleted all the same


class Context(broker.Context):
    """A `broker.Context` whose `Process` runs on the RQ workers that listen on `queue`."""

    def __init__(self, url: str | None = None, *, queue: str = "lab") -> None:
        super().__init__(url)
        self.queue = queue
        self.jobs: list[rq.job.Job] = []
        self.Process = type("Process", (Process,), {"_context": self})

    def enqueue(self, job_name: str, job_id: str, function: Callable[..., object], *args: object) -> rq.job.Job:
        """Put a call of `function` on the queue as a job without a time limit."""
        job = rq.Queue(self.queue, connection=client(self.url)).enqueue(
            function, args=args, job_id=job_id, description=job_name, job_timeout=-1, failure_ttl=24 * 3600
        )
        self.jobs.append(job)
        return job

    def adopt(self, *handles: Handle) -> None:
        """Delete these handles, too, when this context is closed."""
        self._unnamed.extend(handles)

    def close(self) -> None:
        """Do what `broker.Context.close` does, and delete this context's jobs with their results."""
        for job in self.jobs:
            if job.get_status(refresh=True) != rq.job.JobStatus.QUEUED:
                job.latest_result(timeout=FAREWELL)  # the worker still writes what it deletes otherwise
            job.delete()
        self.jobs.clear()
        super().close()


def get_context(url: str | None = None, *, queue: str = "lab") -> Context:
    """Return a context whose server was reached and found fit; raises what `broker.get_context` raises."""
    context = Context(url, queue=queue)
    context.check()
    return context
