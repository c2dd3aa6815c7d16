"""Event logs: where the events of a run are recorded, an append-only file or a Redis stream.

Both pickle to their address, and both keep the order in which events were recorded.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from gettext import gettext as _
from pathlib import Path
from typing import Any, Protocol, cast

import redis

from lab.errors import RunEndedError
from lab.language import N_
from lab.runtime.redis_client import RetryingClient
from lab.trace import Event, parse_events

KEY_TTL = 24 * 3600  # seconds after which the keys of a lab that was killed expire: longer than any run
POLL_INTERVAL = 0.02  # seconds between reads of a file that grows
BLOCK = 100  # milliseconds that one read of a stream waits for entries
CLOCK_SAMPLES = 3  # round trips, of which the fastest measures the server's clock

# The lab itself prints this in its own language. The process of somebody's program has another text domain: there it is
# an exception of that program, in English as those of Python and of `broker`.
DATA_MISSING = N_("the run's data is no longer on the Redis server: the run was ended, or the server lost its data")

Entry = tuple[str, dict[str, str]]  # of a stream


class EventLog(Protocol):
    """Where the events of a run are recorded."""

    def append(self, make_event: Callable[[float, float], Event], last: bool = False) -> None:
        """Record the event that `make_event` returns for the current time and its error, both in seconds.

        The process measures its clock with its first event, and with an event that is marked as its `last`.
        """

    def events(self) -> tuple[Event, ...]:
        """Return the events recorded so far, in order."""

    def follow(self, ended: Callable[[], bool]) -> Iterator[Event]:
        """Yield each event soon after it was recorded.

        After `ended` has returned True, yield what was recorded until then, and return.
        """


@dataclass(frozen=True)
class FileLog:
    """A log in a file, for processes of one machine; its clock is the machine's monotonic clock."""

    path: Path

    def append(self, make_event: Callable[[float, float], Event], last: bool = False) -> None:  # noqa: ARG002
        """Record an event; a write to a file that is open for appending is atomic, and after all earlier ones.

        If the log has been deleted, the run has ended, so this process is an orphan that nobody waits for: it ends.
        """
        try:
            with self.path.open("ab", buffering=0) as file:
                file.write((make_event(time.monotonic(), 0.0).to_line() + "\n").encode())
        except FileNotFoundError:
            sys.exit()

    def events(self) -> tuple[Event, ...]:
        """Return the events recorded so far, in order."""
        return parse_events(self.path.read_text().splitlines(), str(self.path))

    def follow(self, ended: Callable[[], bool]) -> Iterator[Event]:
        """Yield each event soon after it was recorded; return after `ended` has returned True."""
        self.path.touch()
        with self.path.open("rb") as file:
            incomplete, last = b"", False
            while not last:
                last = ended()
                *lines, incomplete = (incomplete + file.read()).split(b"\n")
                yield from parse_events([line.decode() for line in lines], str(self.path))
                time.sleep(0 if last else POLL_INTERVAL)


class StreamLog:
    """A log in a Redis stream, for processes of several hosts; its clock is the server's.

    If the reply to an entry is lost, the entry is sent again with the same ID; readers ignore repeated IDs.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._key = key
        self._pid = 0  # of the process to which the clock and the IDs belong: a forked child inherits them
        self._clock: tuple[float, float] | None = None
        self._id_prefix = ""
        self._sequence = itertools.count()

    def create(self) -> None:
        """Create the empty stream; without it, `append` raises `RunEndedError`."""

        def create(server: redis.Redis) -> None:
            with server.pipeline(transaction=True) as transaction:
                transaction.xadd(self._key, {"event": "none"})
                transaction.xtrim(self._key, maxlen=0)
                transaction.expire(self._key, KEY_TTL)
                transaction.execute()

        self._client.execute(create)

    def append(self, make_event: Callable[[float, float], Event], last: bool = False) -> None:
        """Record an event; raise `RunEndedError` if the stream does not exist any more."""
        now = time.monotonic()
        if self._pid != os.getpid():
            self._pid, self._clock, self._id_prefix = os.getpid(), None, secrets.token_hex(8)
        measure = last or self._clock is None
        if measure:
            self._clock = self._measure_clock()
        assert self._clock is not None
        offset, error = self._clock
        event = make_event(now + offset, error)
        if measure:
            event = dataclasses.replace(event, offset=offset)
        entry: dict[Any, Any] = {"event": event.to_line(), "id": f"{self._id_prefix}:{next(self._sequence)}"}
        if self._client.execute(lambda server: server.xadd(self._key, entry, nomkstream=True)) is None:
            raise RunEndedError(_(DATA_MISSING))

    def events(self) -> tuple[Event, ...]:
        """Return the events recorded so far, in order."""
        entries = cast("list[Entry]", self._client.execute(lambda server: server.xrange(self._key)))
        return self._parse(entries, set())

    def follow(self, ended: Callable[[], bool]) -> Iterator[Event]:
        """Yield each event soon after it was recorded; return after `ended` has returned True."""
        position, ids, last = "0", set[str](), False
        while not last:
            last = ended()
            for entries in self._read_after(position, None if last else BLOCK):
                yield from self._parse(entries, ids)
                position = entries[-1][0]

    def _read_after(self, position: str, block: int | None) -> list[list[Entry]]:
        streams = self._client.execute(lambda server: server.xread({self._key: position}, block=block))
        return [entries for _, entries in cast("list[tuple[str, list[Entry]]]", streams)]

    def _parse(self, entries: Sequence[Entry], ids: set[str]) -> tuple[Event, ...]:
        """Return the events of the entries whose IDs are not in `ids`, and add these IDs."""
        lines = []
        for _id, entry in entries:
            if entry["id"] not in ids:
                ids.add(entry["id"])
                lines.append(entry["event"])
        return parse_events(lines, self._key)

    def delete(self) -> None:
        """Delete the stream and close the connection."""
        self._client.execute(lambda server: server.unlink(self._key))
        self._client.close()

    @functools.cached_property
    def _client(self) -> RetryingClient:
        return RetryingClient(self.url)

    def _measure_clock(self) -> tuple[float, float]:
        """Return by how much the server's clock is ahead of the monotonic clock, and the largest error of that."""
        round_trip, offset = min(self._client.execute(_sample_clock) for _ in range(CLOCK_SAMPLES))
        return offset, round_trip / 2

    def __reduce__(self) -> tuple[object, ...]:
        return StreamLog, (self.url, self._key)


def _sample_clock(server: redis.Redis) -> tuple[float, float]:
    sent = time.monotonic()
    seconds, microseconds = server.time()
    received = time.monotonic()
    return received - sent, seconds + microseconds / 1e6 - (sent + received) / 2
