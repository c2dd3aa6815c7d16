"""Redis clients as RQ needs them."""

from __future__ import annotations

import redis
import rq
from redis.backoff import NoBackoff
from redis.retry import Retry

from broker.engine.session import RENEWAL_TIMEOUT
from broker.errors import BrokerError

# While the server is unavailable, and not where it refuses a request.
SERVER_ERRORS = (redis.ConnectionError, redis.TimeoutError, BrokerError)
NO_RETRIES = Retry(NoBackoff(), 0)
SOCKET_TIMEOUT = 60.0  # seconds; longer than any blocking call of ours


def client(url: str) -> redis.Redis:
    """Return a client as RQ needs it: bytes as replies, and a socket timeout that suits blocking calls."""
    return redis.Redis.from_url(url, protocol=2, socket_timeout=SOCKET_TIMEOUT)


def client_without_retries(url: str) -> redis.Redis:
    """Return a client that raises at once what `client` retries for seconds, for callers that ask again soon."""
    return redis.Redis.from_url(
        url, protocol=2, socket_timeout=RENEWAL_TIMEOUT, socket_connect_timeout=RENEWAL_TIMEOUT, retry=NO_RETRIES
    )


def unlist_unused_queue(url: str, name: str) -> None:
    """Remove a queue from RQ's list if it is empty and has no workers.

    Nothing else is deleted: a job that is enqueued at this moment is not lost, and an empty queue has no key.
    """
    with client(url) as connection:
        queue = rq.Queue(name, connection=connection)
        if queue.is_empty() and not rq.Worker.count(queue=queue):
            connection.srem(queue.redis_queues_keys, queue.key)
