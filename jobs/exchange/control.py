"""What the two sides of a process share on the server: the lock that shows that it lives, and its signals."""

from __future__ import annotations

from broker.locks.lock import Lock
from jobs.exchange.queues import SimpleQueue

LIFE = 2.0  # seconds; the lease of the lock that a job holds for as long as it lives


def life(url: str, job_id: str) -> Lock:
    """Return the lock that a job holds for as long as it lives."""
    return Lock.at(url, f"life-{job_id}", lease=LIFE)


def signals(url: str, job_id: str) -> SimpleQueue:
    """Return the queue of the signals that a job is to get."""
    return SimpleQueue.at(url, f"signals-{job_id}")
