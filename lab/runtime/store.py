"""The tickets' `db`: a JSON file for processes of one machine, a Redis key for processes of several hosts.

Each read and each write is atomic. A read and the write that follows it are not: that is the subject of the exercise,
and so is the lock around both. If the lock has a lease, its holder may be paused for longer, and resume when another
process holds the lock. So the Redis key checks fences. The invariant: after a read or a write under a fence, every read
and write under an older one is refused. So between a holder's read and its write no other process writes, even if it
believes that it holds the lock.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from gettext import gettext as _
from importlib import resources
from pathlib import Path
from typing import Protocol, cast

import redis

from lab.errors import CorruptStoreError, RunEndedError, StaleFenceError
from lab.runtime.event_log import DATA_MISSING, KEY_TTL
from lab.runtime.redis_client import open_client

SCRIPT = (resources.files(__package__) / "lua" / "store.lua").read_text()
WRITTEN = "wrote:"  # in the script, the prefix of the fields with what was written under each fence


class Store(Protocol):
    """Where the number of tickets left is stored.

    With a fence, `read` and `write` raise `StaleFenceError` and do nothing if the store has seen a newer fence.
    """

    def read(self, fence: int | None = None) -> int:
        """Return how many are left; raise `CorruptStoreError` if there is no valid number."""

    def write(self, count: int, fence: int | None = None) -> None:
        """Set how many are left."""

    def last_writes(self) -> dict[int, int]:
        """Return what was last written under each fence: evidence of what an actor did that was killed afterwards."""


@dataclass(frozen=True)
class FileStore:
    """The course's own `db`: a file with {"count": 5}. It ignores fences, as multiprocessing's locks have none."""

    path: Path

    def read(self, fence: int | None = None) -> int:  # noqa: ARG002
        """Return how many are left."""
        return _parse(self.path.read_text(), _("the file {path}").format(path=self.path))

    def write(self, count: int, fence: int | None = None) -> None:  # noqa: ARG002
        """Set how many are left, by replacing the file in one step."""
        new = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        new.write_text(_format(count))
        new.replace(self.path)

    def last_writes(self) -> dict[int, int]:
        """Return nothing, as there are no fences."""
        return {}


@dataclass(frozen=True)
class RedisStore:
    """The same in a Redis key, for processes of several hosts."""

    url: str = field(repr=False)  # it may hold a password
    key: str

    def create(self, count: int) -> None:
        """Create the key."""

        def create(server: redis.Redis) -> None:
            with server.pipeline(transaction=True) as transaction:
                transaction.hset(self.key, "text", _format(count))
                transaction.expire(self.key, KEY_TTL)
                transaction.execute()

        with open_client(self.url) as client:
            client.execute(create)

    def read(self, fence: int | None = None) -> int:
        """Return how many are left; raise `RunEndedError` if the key does not exist any more."""
        return _parse(self._run_script(fence, ""), self._place)

    def write(self, count: int, fence: int | None = None) -> None:
        """Set how many are left; raise `RunEndedError` if the key does not exist any more.

        If the reply is lost, the request is sent again. Under a fence, the write is done once. Without one, it may
        overwrite what another process has written in between, as any late write does.
        """
        self._run_script(fence, _format(count))

    def last_writes(self) -> dict[int, int]:
        """Return what was last written under each fence."""
        with open_client(self.url) as client:
            fields = cast("dict[str, str]", client.execute(lambda server: server.hgetall(self.key)))
        return {
            int(name.removeprefix(WRITTEN)): _parse(text, self._place)
            for name, text in fields.items()
            if name.startswith(WRITTEN)
        }

    def delete(self) -> None:
        """Delete the key."""
        with open_client(self.url) as client:
            client.execute(lambda server: server.unlink(self.key))

    @property
    def _place(self) -> str:
        return _("the Redis key {key}").format(key=self.key)

    def _run_script(self, fence: int | None, text: str) -> str:
        argument = "" if fence is None else str(fence)

        def evaluate(server: redis.Redis) -> str | int | None:
            return cast("str | int | None", server.eval(SCRIPT, 1, self.key, argument, text))

        with open_client(self.url) as client:
            reply = client.execute(evaluate)
        if reply is None:
            raise RunEndedError(_(DATA_MISSING))
        if isinstance(reply, int):
            assert fence is not None, "a request without a fence is never refused"
            raise StaleFenceError(fence, reply)
        return reply


def _format(count: int) -> str:
    return json.dumps({"count": count})


def _parse(text: str, place: str) -> int:
    try:
        count = json.loads(text)["count"]
    except (ValueError, TypeError, KeyError):
        count = None
    if not isinstance(count, int) or isinstance(count, bool):
        corrupt = _("{place} is corrupt: it should hold {example} or the like, not {text!r}")
        raise CorruptStoreError(corrupt.format(place=place, example=_format(5), text=text[:40]))
    return count
