"""What stands on RQ's books of a context's jobs, and how it is taken off them again."""

from __future__ import annotations

from collections.abc import Callable

import rq
from rq.exceptions import InvalidJobOperation
from rq.job import Job

from jobs.exchange import claim
from jobs.exchange.client import client, forget_queue
from jobs.exchange.job import SignedJob

KEPT = 24 * 3600  # seconds for which RQ keeps what became of a job that nobody deletes
FAREWELL = 2  # seconds until a job of which RQ says nothing is deleted all the same


class RqQueue:
    """An RQ queue, by name, as one process uses it."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._connection = client(url)
        self._queue = rq.Queue(name, connection=self._connection, job_class=SignedJob)

    def enqueue(self, name: str, job_id: str, function: Callable[..., object], *args: object) -> Job:
        """Put a call of `function` on the queue as a job without a time limit."""
        return self._queue.enqueue(
            function,
            args=args,
            job_id=job_id,
            description=name,
            job_timeout=-1,
            result_ttl=KEPT,
            failure_ttl=KEPT,
        )

    def withdraw(self, job: Job) -> bool:
        """Take a job off the queue; return False if a worker has taken it already."""
        return bool(self._queue.remove(job))

    def taken(self, job: Job) -> bool:
        """Return whether a worker has taken a job off the queue, and not begun it."""
        return claim.taken(self._queue, job.id)

    def put_back(self, job: Job) -> None:
        """Put a job that was taken and has not begun at the head of the queue."""
        claim.put_back(self._queue, job.id)

    def forget(self, job: Job, settled: bool) -> None:
        """Delete a job with its result; unless it is `settled`, a worker may still have to write that."""
        if not settled:
            job.latest_result(timeout=FAREWELL)
        try:
            job.delete()
        except InvalidJobOperation:  # somebody else has deleted it
            pass
        except ValueError:  # its worker has just written about it
            job.delete()
        # What RQ leaves: a job that had finished when it was stopped counts as failed, and is sought there only.
        self._queue.finished_job_registry.remove(job)
        self._connection.delete(self._queue.intermediate_queue.get_first_seen_key(job.id))

    def close(self) -> None:
        """Take the queue off RQ's list if nobody needs it."""
        forget_queue(self._url, self._queue.name)
        self._connection.close()
