"""Redis clients as RQ needs them."""

from __future__ import annotations

import redis
import rq

PATIENCE = 60.0  # seconds, longer than any call of ours blocks


def client(url: str) -> redis.Redis:
    """Return a client as RQ needs it: a pool of its own, bytes as replies, and patience for calls that block."""
    return redis.Redis.from_url(url, protocol=2, socket_timeout=PATIENCE)


def forget_queue(url: str, name: str) -> None:
    """Take a queue off RQ's list if it is empty and nobody listens on it."""
    with client(url) as connection:
        queue = rq.Queue(name, connection=connection)
        if queue.is_empty() and not rq.Worker.count(queue=queue):
            queue.delete()
