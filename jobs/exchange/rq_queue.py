"""The RQ queue of a context: its jobs are enqueued, removed, requeued and deleted here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import rq
from rq.exceptions import InvalidJobOperation
from rq.executions import Execution
from rq.job import Job
from rq.utils import as_text

from broker.engine.session import prepare_request
from jobs.exchange import claim
from jobs.exchange.client import client, unlist_unused_queue
from jobs.exchange.job import SignedJob

RESULT_TTL = 24 * 3600  # seconds for which RQ keeps the result of a job that nobody deletes
CLOSE_TIMEOUT = 2  # seconds for which closing waits for jobs to exit, and then for a job's result


class RqQueue:
    """An RQ queue, as one process uses it."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._connection = client(url)
        self._queue = rq.Queue(name, connection=self._connection, job_class=SignedJob)

    def enqueue(self, name: str, job_id: str, function: Callable[..., object], *args: object) -> Job:
        """Enqueue a call of `function` as a job without a timeout; `name` is what `lab workers` shows."""
        prepare_request()
        with self._connection.pipeline() as transaction:  # RQ's own way takes two
            job = self._queue.enqueue(
                function,
                args=args,
                job_id=job_id,
                description=name,
                job_timeout=-1,
                result_ttl=RESULT_TTL,
                failure_ttl=RESULT_TTL,
                pipeline=transaction,
            )
            transaction.execute()
        return job

    def remove(self, job_id: str) -> bool:
        """Remove a job from the queue; return False if a worker has dequeued it already."""
        return bool(self._queue.remove(job_id))

    def count_waiting(self, job_ids: set[str]) -> int:
        """Return how many of these jobs are in the queue."""
        return len(job_ids.intersection(self._queue.get_job_ids()))

    def withdraw(self, job_id: str) -> bool:
        """Remove a job from the queue and delete it; return False if it is not in the queue."""
        removed = self.remove(job_id)
        if removed:
            self._connection.delete(Job.key_for(job_id))
        return removed

    def is_dequeued(self, job: Job) -> bool:
        """Return whether a worker has dequeued a job, and not claimed it yet."""
        return claim.is_dequeued(self._queue, job.id)

    def requeue(self, job: Job) -> None:
        """Put a job that was dequeued and not claimed back at the head of the queue."""
        claim.requeue_job(self._queue, job.id)

    def delete_job(self, job: Job, result_pending: bool) -> None:
        """Delete a job with its result; if `result_pending`, wait until its worker has written that.

        If the server has lost the job, nobody may write it any more; if its worker still does, it expires.
        """
        if result_pending and self._connection.exists(job.key):
            job.latest_result(timeout=CLOSE_TIMEOUT)
        self._delete_executions(job)
        with suppress(InvalidJobOperation):  # somebody else has deleted it
            job.delete()
        # RQ's `delete` leaves these: it looks for a finished job that was stopped among the failed ones only.
        self._queue.finished_job_registry.remove(job)
        self._connection.delete(self._queue.intermediate_queue.get_first_seen_key(job.id))

    def _delete_executions(self, job: Job) -> None:
        """Delete what RQ has on record of a job's executions.

        RQ's own `delete` reads each record first, and raises an error if one has expired: RQ lists an execution for
        longer, if its worker was killed. Then it also leaves the execution among those that have started.
        """
        started = job.started_job_registry.get_job_and_execution_ids(cleanup=False)
        ids = {execution_id for job_id, execution_id in started if job_id == job.id}
        ids.update(job.execution_registry.get_execution_ids())
        worker = as_text(self._connection.hget(job.key, "worker_name") or "")
        with self._connection.pipeline() as transaction:
            for execution_id in ids:
                Execution(execution_id, job.id, self._connection, worker).delete(job, transaction)
            transaction.execute()

    def close(self) -> None:
        """Remove the queue from RQ's list if it is unused."""
        unlist_unused_queue(self._url, self._queue.name)
        self._connection.close()
