"""The lab's own requests to the Redis server, which are retried for half a minute, as the broker's are.

So every request must be idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import redis

from broker.engine.session import REPLY_TIMEOUT
from broker.errors import ServerUnavailableError
from broker.transport.connection import NEVER, retry

T = TypeVar("T")


class RetryingClient:
    """A client for one URL; a forked child opens its own connections."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url, decode_responses=True, protocol=2, socket_timeout=REPLY_TIMEOUT, socket_connect_timeout=REPLY_TIMEOUT
        )
        self._unreachable = False

    def execute(self, request: Callable[[redis.Redis], T]) -> T:
        """Return what a request returns; raise `ServerUnavailableError` if there is no reply for too long.

        After that, requests are not retried until one succeeds, so that the clean-up does not wait again.
        """
        try:
            reply = retry(lambda: request(self._redis), deadline=0.0 if self._unreachable else NEVER)
        except ServerUnavailableError:
            self._unreachable = True
            raise
        self._unreachable = False
        return reply

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()


@contextmanager
def open_client(url: str) -> Iterator[RetryingClient]:
    """Yield a client, which is closed after the block."""
    client = RetryingClient(url)
    try:
        yield client
    finally:
        client.close()
