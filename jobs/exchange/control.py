"""What both sides of a job share on the server: the lock that shows that the job is alive, and its signals."""

from __future__ import annotations

from broker.locks.lock import Lock
from jobs.exchange.queues import SimpleQueue

LIVENESS_LEASE = 2.0  # seconds


def liveness_lock(url: str, job_id: str) -> Lock:
    """Return the lock that a job holds while it runs."""
    return Lock.at(url, f"life-{job_id}", lease=LIVENESS_LEASE)


def signal_queue(url: str, job_id: str) -> SimpleQueue:
    """Return the queue of the signals that are sent to a job."""
    return SimpleQueue.at(url, f"signals-{job_id}")
