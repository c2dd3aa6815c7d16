"""Requests to a Redis server that may be away for a while: restarted, or cut off."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import redis

T = TypeVar("T")

PATIENCE = 30.0  # seconds for which a request is repeated, as the broker's own are
PAUSE = 0.2  # seconds between two tries
ANSWER = 5.0  # seconds within which a server that is there answers
AWAY = (redis.ConnectionError, redis.TimeoutError)


def patiently(request: Callable[[], T]) -> T:
    """Return what `request` returns, after sending it again for as long as the server is away; twice must do no harm.

    Raises what the last try has raised after `PATIENCE`, and at once that the server is there and refuses.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return request()
        except redis.AuthenticationError:
            raise
        except AWAY:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
