"""The tickets' `db`: a JSON file on one machine, a Redis key where hosts share it.

Each read and each write is whole; what stands between a read and the write that follows is the exercise's affair, and
so is the lock around both. Where that lock has a lease, its holder may be stopped for longer, and go on when another
is in. So the Redis key knows fences. The invariant: once anything was read or written under a fence, nothing is under
an older one. Then nobody writes between a holder's read and its write, whoever else believes to hold the lock.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Protocol, cast

import redis

from lab.errors import CorruptStoreError, RunEndedError, StaleFenceError
from lab.runtime.logs import GONE, KEPT
from lab.runtime.redis_client import client

SCRIPT = (resources.files(__package__) / "lua" / "store.lua").read_text()
WROTE = "wrote:"  # as the script calls it


class Store(Protocol):
    """Where the number of tickets left is kept.

    With a fence both calls raise `StaleFenceError`, and do nothing, if the store has seen a newer one.
    """

    def read(self, fence: int | None = None) -> int:
        """Return how many are left; raise `CorruptStoreError` if that cannot be told."""

    def write(self, count: int, fence: int | None = None) -> None:
        """Say how many are left."""

    def written(self) -> dict[int, int]:
        """Return what was last written under each fence: the proof of what somebody did who can no longer say so."""


@dataclass(frozen=True)
class FileStore:
    """The course's own `db`: a file that holds {"count": 5}. Locks of one machine have no fence, so it knows none."""

    path: Path

    def read(self, fence: int | None = None) -> int:  # noqa: ARG002
        """Return how many are left."""
        return _parse(self.path.read_text(), f"the file {self.path}")

    def write(self, count: int, fence: int | None = None) -> None:  # noqa: ARG002
        """Say how many are left; a reader sees the old file or the new one, never half of one."""
        written = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        written.write_text(_text(count))
        written.replace(self.path)

    def written(self) -> dict[int, int]:
        """Return nothing."""
        return {}


@dataclass(frozen=True)
class RedisStore:
    """The same under a Redis key, for processes on several hosts."""

    url: str = field(repr=False)  # it may hold a password
    key: str

    def create(self, count: int) -> None:
        """Make the key."""

        def make(server: redis.Redis) -> None:
            with server.pipeline(transaction=True) as step:
                step.hset(self.key, "text", _text(count))
                step.expire(self.key, KEPT)
                step.execute()

        with client(self.url) as server:
            server.ask(make)

    def read(self, fence: int | None = None) -> int:
        """Return how many are left; raise `RunEndedError` if the key is gone."""
        return _parse(self._do(fence, ""), f"the Redis key {self.key}")

    def write(self, count: int, fence: int | None = None) -> None:
        """Say how many are left; raise `RunEndedError` if the key is gone.

        If the reply is lost, that is said again. Under a fence it is done once; without one, who else has written in
        between is written over, as by any write that comes late.
        """
        self._do(fence, _text(count))

    def written(self) -> dict[int, int]:
        """Return what was last written under each fence."""
        with client(self.url) as server:
            fields = cast("dict[str, str]", server.ask(lambda redis: redis.hgetall(self.key)))
        return {
            int(name.removeprefix(WROTE)): _parse(text, f"the Redis key {self.key}")
            for name, text in fields.items()
            if name.startswith(WROTE)
        }

    def delete(self) -> None:
        """Remove the key."""
        with client(self.url) as server:
            server.ask(lambda redis: redis.unlink(self.key))

    def _do(self, fence: int | None, text: str) -> str:
        known = "" if fence is None else str(fence)
        with client(self.url) as server:
            reply = server.ask(lambda redis: cast("str | int | None", redis.eval(SCRIPT, 1, self.key, known, text)))
        if reply is None:
            raise RunEndedError(GONE)
        if isinstance(reply, int):
            assert fence is not None, "only who has one can have an old one"
            raise StaleFenceError(fence, reply)
        return reply


def _text(count: int) -> str:
    return json.dumps({"count": count})


def _parse(text: str, where: str) -> int:
    try:
        count = json.loads(text)["count"]
    except (ValueError, TypeError, KeyError):
        count = None
    if not isinstance(count, int) or isinstance(count, bool):
        raise CorruptStoreError(f'{where} is corrupt: it should hold {{"count": 5}} or the like, not {text[:40]!r}')
    return count
