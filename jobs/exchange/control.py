"""What both sides of a job share on the server: the locks that show which of them is alive, and the job's signals."""

from __future__ import annotations

from broker.locks.lock import Lock
from jobs.exchange.queues import SimpleQueue

LIVENESS_LEASE = 2.0  # seconds
PARENT_LEASE = 5.0


def liveness_lock(url: str, job_id: str) -> Lock:
    """Return the lock that a job holds while it runs."""
    return Lock.at(url, f"life-{job_id}", lease=LIVENESS_LEASE)


def parent_lock(url: str, status_queue: str) -> Lock:
    """Return the lock that a process holds as long as it has jobs, whose status it reads from this queue."""
    return Lock.at(url, f"parent-{status_queue}", lease=PARENT_LEASE)


def signal_queue(url: str, job_id: str) -> SimpleQueue:
    """Return the queue of the signals that are sent to a job."""
    return SimpleQueue.at(url, f"signals-{job_id}")
