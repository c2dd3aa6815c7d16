"""Contexts whose processes are RQ jobs."""

from __future__ import annotations

from collections.abc import Callable

import rq
from rq.command import send_stop_job_command
from rq.exceptions import InvalidJobOperation, NoSuchJobError

import broker
from broker.handle import Handle
from jobs.process import Process, signs_of_life
from jobs.workers import client, forget_queue

ENDED = (rq.job.JobStatus.FINISHED, rq.job.JobStatus.FAILED, rq.job.JobStatus.STOPPED)
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
        """Do what `broker.Context.close` does, end this context's jobs and delete them with their results."""
        queue = rq.Queue(self.queue, connection=client(self.url))
        taken = [job for job in self.jobs if not queue.remove(job)]  # of the others no worker will ever hear
        for job in taken:
            self._stop(job)
        for job in taken:
            job.latest_result(timeout=FAREWELL)  # its worker writes until then, also what was deleted
        for job in self.jobs:
            job.delete()
            # What RQ leaves: a job that had finished when it was stopped counts as failed, and is sought there only.
            queue.finished_job_registry.remove(job)
            queue.connection.delete(queue.intermediate_queue.get_first_seen_key(job.id))
        if self.jobs:
            forget_queue(self.url, self.queue)
        self.jobs.clear()
        super().close()

    def _stop(self, job: rq.job.Job) -> None:
        # Not before it has begun: RQ's worker kills itself when it has to stop a job that it has not forked for yet.
        # And not after it has an exit code: then it ends by itself.
        begun, _ = signs_of_life(self.url, job.id)
        try:
            if job.get_status(refresh=True) in ENDED or not begun.wait(FAREWELL):
                return
            if "exitcode" not in job.get_meta(refresh=True):
                send_stop_job_command(client(self.url), job.id)
        except (NoSuchJobError, InvalidJobOperation):
            pass  # it has ended by itself


def get_context(url: str | None = None, *, queue: str = "lab") -> Context:
    """Return a context whose server was reached and found fit; raises what `broker.get_context` raises."""
    context = Context(url, queue=queue)
    context.check()
    return context
