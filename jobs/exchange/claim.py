"""A job between the queue and its beginning.

RQ moves a job that a worker takes to a list of its own, and off it when it begins. Here whoever gets the job off that
list decides what becomes of it: its worker begins it, or somebody puts it back, and never both. A worker may have been
cut off or killed just then, or the server; RQ itself would give the job up a minute or two later.
"""

from __future__ import annotations

import rq
from rq.job import Job

# KEYS: the list, the queue; ARGV: the job's id. A job is on one of the two, or has begun.
BACK = """
local taken = redis.call('LREM', KEYS[1], 1, ARGV[1])
if taken == 1 then redis.call('LPUSH', KEYS[2], ARGV[1]) end
return taken
"""

# KEYS: the list, the job; ARGV: the job's id, the worker. Sent again after a lost reply, it gives the same answer.
BEGIN = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 1 then
  redis.call('HSET', KEYS[2], 'worker_name', ARGV[2])
  return 1
end
return redis.call('HGET', KEYS[2], 'worker_name') == ARGV[2] and 1 or 0
"""


def taken(queue: rq.Queue, job_id: str) -> bool:
    """Return whether a worker has taken the job, and not begun it."""
    return job_id.encode() in queue.connection.lrange(queue.intermediate_queue_key, 0, -1)


def begin(queue: rq.Queue, job: Job, worker: str) -> bool:
    """Get leave for a worker to begin a job that it has taken; return False if it was put back meanwhile."""
    return bool(queue.connection.eval(BEGIN, 2, queue.intermediate_queue_key, job.key, job.id, worker))


def put_back(queue: rq.Queue, job_id: str) -> bool:
    """Put a job that was taken at the head of the queue; return False if it has begun, or is there already."""
    return bool(queue.connection.eval(BACK, 2, queue.intermediate_queue_key, queue.key, job_id))
