"""A dequeued job is either claimed by a worker, which starts it, or requeued; never both.

When a worker dequeues a job, RQ moves it to an intermediate queue, and removes it from there when the job starts. Here
whoever removes the job from the intermediate queue decides: its worker claims it, or somebody else requeues it, for
instance because the worker was killed or cut off, or the server restarted. RQ itself would abandon the job a minute or
two later.
"""

from __future__ import annotations

import rq
from rq.job import Job, JobStatus

# KEYS: the intermediate queue, the queue; ARGV: the job's id. A job is in one of the two, or claimed.
REQUEUE = """
local removed = redis.call('LREM', KEYS[1], 1, ARGV[1])
if removed == 1 then redis.call('LPUSH', KEYS[2], ARGV[1]) end
return removed
"""

# KEYS: the intermediate queue, the job; ARGV: the job's id, the worker's name. Idempotent, in case a reply is lost: the
# second request finds the job removed. A job that is dequeued after it was claimed had been enqueued twice, since the
# reply to its parent was lost. RQ's own worker sets the status, too, when it removes the job from that queue.
CLAIM = """
local dequeued = redis.call('LREM', KEYS[1], 1, ARGV[1]) == 1
local owner = redis.call('HGET', KEYS[2], 'worker_name')
if not dequeued then return owner == ARGV[2] and 1 or 0 end
if owner and owner ~= '' then return 0 end
redis.call('HSET', KEYS[2], 'worker_name', ARGV[2], 'status', 'started')
return 1
"""


def is_dequeued(queue: rq.Queue, job_id: str) -> bool:
    """Return whether a worker has dequeued the job, and not claimed it yet."""
    return job_id.encode() in queue.connection.lrange(queue.intermediate_queue_key, 0, -1)


def is_claimed(job: Job) -> bool:
    """Return whether a worker has claimed the job, and has not finished it."""
    return job.connection.hget(job.key, "status") == JobStatus.STARTED.encode()


def claim_job(queue: rq.Queue, job: Job, worker: str) -> bool:
    """Claim a dequeued job for the worker of this name; return False if it was requeued, or was claimed before."""
    return bool(queue.connection.eval(CLAIM, 2, queue.intermediate_queue_key, job.key, job.id, worker))


def requeue_job(queue: rq.Queue, job_id: str) -> bool:
    """Put a dequeued job back at the head of its queue; return False if it is claimed, or back in the queue already."""
    return bool(queue.connection.eval(REQUEUE, 2, queue.intermediate_queue_key, queue.key, job_id))
