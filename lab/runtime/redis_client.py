"""The lab's own requests to the Redis server: sent again for half a minute if it is away, as the broker's are.

So each of them must be one that may be carried out twice.
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


class Client:
    """A client for one URL; a forked child has connections of its own."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url, decode_responses=True, protocol=2, socket_timeout=REPLY_TIMEOUT, socket_connect_timeout=REPLY_TIMEOUT
        )
        self._given_up = False

    def ask(self, request: Callable[[redis.Redis], T]) -> T:
        """Return what a request returns; raise `ServerUnavailableError` if there is no reply for too long.

        After that, each request is sent once only until one is answered: whoever tidies up need not wait again.
        """
        try:
            reply = retry(lambda: request(self._redis), deadline=0.0 if self._given_up else NEVER)
        except ServerUnavailableError:
            self._given_up = True
            raise
        self._given_up = False
        return reply

    def close(self) -> None:
        """Close its connections."""
        self._redis.close()


@contextmanager
def client(url: str) -> Iterator[Client]:
    """Give a client for the length of the block."""
    made = Client(url)
    try:
        yield made
    finally:
        made.close()
