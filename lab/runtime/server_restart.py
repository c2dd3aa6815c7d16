"""A restart of a private server, with its data or without.

A process shuts it down, and its supervisor starts it again (see `broker.server.private_server`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.connection import parse_url

from lab.runtime.redis_client import open_client


def restart_server(url: str, keep_data: bool, before: Callable[[], object] = lambda: None) -> None:
    """Restart the private server at `url`; return when it answers again.

    Calls `before` first. If several processes call this at the same time, the server restarts once for each of them.
    """
    with _lock(Path(parse_url(url)["path"]).parent):
        before()
        with redis.Redis.from_url(url) as client:
            client.shutdown(save=keep_data, nosave=not keep_data)  # returns when the server has closed the connection
        with open_client(url) as retrying:
            retrying.execute(lambda server: server.ping())


@contextmanager
def _lock(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
