"""The lab's own requests to the Redis server, which are retried for half a minute, as the broker's are.

So every request must be idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import redis

from broker.engine.blocking import drive
from broker.engine.operations import IO
from broker.engine.requests import retry
from broker.engine.session import REPLY_TIMEOUT
from broker.errors import ServerUnavailableError
from broker.transport.connection import NEVER, Clock

T = TypeVar("T")


class _Call(NamedTuple):
    """A request of redis-py, as an operation that can be retried."""

    request: Callable[[redis.Redis], Any]
    client: redis.Redis

    def perform(self, _: IO) -> Any:
        return self.request(self.client)


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
            clock: Any = Clock()
            attempt = _Call(request, self._redis)
            reply: T = drive(retry(clock, lambda _: attempt, 0.0 if self._unreachable else NEVER), clock)
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
