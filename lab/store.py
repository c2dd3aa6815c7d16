"""The tickets' `db`: a JSON file on one machine, a Redis key where hosts share it.

Each read and each write is whole; what stands between a read and the write that follows is the exercise's affair.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import redis

from lab.errors import DamagedStoreError, RunOverError
from lab.logs import GONE, KEPT


class Store(Protocol):
    """Where the number of tickets left is kept."""

    def read(self) -> int:
        """Return how many are left; raise `DamagedStoreError` if that cannot be told."""

    def write(self, count: int) -> None:
        """Say how many are left."""


@dataclass(frozen=True)
class FileStore:
    """The course's own `db`: a file that holds {"count": 5}."""

    path: Path

    def read(self) -> int:
        """Return how many are left."""
        return _parse(self.path.read_text(), f"the file {self.path}")

    def write(self, count: int) -> None:
        """Say how many are left; a reader sees the old file or the new one, never half of one."""
        written = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        written.write_text(json.dumps({"count": count}))
        written.replace(self.path)


@dataclass(frozen=True)
class RedisStore:
    """The same under a Redis key, for processes on several hosts."""

    url: str
    key: str

    def create(self, count: int) -> None:
        """Make the key."""
        with self._client() as client:
            client.set(self.key, json.dumps({"count": count}), ex=KEPT)

    def read(self) -> int:
        """Return how many are left; raise `RunOverError` if the key is gone."""
        with self._client() as client:
            text = cast("str | None", client.get(self.key))
        if text is None:
            raise RunOverError(GONE)
        return _parse(text, f"the Redis key {self.key}")

    def write(self, count: int) -> None:
        """Say how many are left, unless the run is over."""
        with self._client() as client:
            client.set(self.key, json.dumps({"count": count}), xx=True, keepttl=True)

    def delete(self) -> None:
        """Remove the key."""
        with self._client() as client:
            client.unlink(self.key)

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, decode_responses=True, protocol=2)


def _parse(text: str, where: str) -> int:
    try:
        count = json.loads(text)["count"]
    except (ValueError, TypeError, KeyError):
        count = None
    if not isinstance(count, int) or isinstance(count, bool):
        raise DamagedStoreError(f'{where} is damaged: it should hold {{"count": 5}} or the like, not {text[:40]!r}')
    return count
