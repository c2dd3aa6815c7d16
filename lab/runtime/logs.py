"""Logs: where the events of one run go, a file that is only ever appended to, or a Redis stream.

Both pickle to their address, and both keep the order in which events were recorded.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import redis

from lab.errors import RunEndedError
from lab.runtime.redis_client import Client
from lab.trace import Event, parse_events

KEPT = 24 * 3600  # seconds after which Redis forgets what a lab that was killed left there: longer than any run
GLANCE = 0.02  # seconds between looks at a file that grows
BLOCK = 100  # milliseconds that a reader of a stream waits for more
PROBES = 3  # the quickest of so many round trips tells the server's clock

GONE = "the run's data is no longer on the Redis server: the run was ended, or the server lost what it had"

Entry = tuple[str, dict[str, str]]  # of a stream


class Log(Protocol):
    """Where the events of one run go."""

    def append(self, event_of: Callable[[float, float], Event], last: bool = False) -> None:
        """Record the event that `event_of` makes of the time now and its error, both in seconds.

        With the first event of a process, and one that it says is its `last`, its clock is measured.
        """

    def events(self) -> tuple[Event, ...]:
        """Return what was recorded so far, in order."""

    def follow(self, over: Callable[[], bool]) -> Iterator[Event]:
        """Yield each event soon after it was recorded, until it is `over` and what was recorded then was yielded."""


@dataclass(frozen=True)
class FileLog:
    """A log of one machine's processes: its clock is the machine's monotonic one."""

    path: Path

    def append(self, event_of: Callable[[float, float], Event], last: bool = False) -> None:  # noqa: ARG002
        """Record an event; a line written to a file opened for appending is whole, and after all earlier ones."""
        with self.path.open("ab", buffering=0) as file:
            file.write((event_of(time.monotonic(), 0.0).to_line() + "\n").encode())

    def events(self) -> tuple[Event, ...]:
        """Return what was recorded so far, in order."""
        return parse_events(self.path.read_text().splitlines(), str(self.path))

    def follow(self, over: Callable[[], bool]) -> Iterator[Event]:
        """Yield each event soon after it was recorded, until it is `over` and what was recorded then was yielded."""
        self.path.touch()
        with self.path.open("rb") as file:
            begun, last = b"", False
            while not last:
                last = over()
                *lines, begun = (begun + file.read()).split(b"\n")
                yield from parse_events([line.decode() for line in lines], str(self.path))
                time.sleep(0 if last else GLANCE)


class StreamLog:
    """A log of many hosts' processes, in a Redis stream: its clock is the server's.

    An entry whose reply was lost is sent again, under the same name; whoever reads takes the first of a name.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key
        self._pid = 0  # whose clock and name these are: a forked child inherits them
        self._clock: tuple[float, float] | None = None
        self._name = ""
        self._numbers = itertools.count()

    def create(self) -> None:
        """Make the empty stream; without it an `append` raises `RunEndedError`."""

        def make(server: redis.Redis) -> None:
            with server.pipeline(transaction=True) as step:
                step.xadd(self._key, {"event": "none"})
                step.xtrim(self._key, maxlen=0)
                step.expire(self._key, KEPT)
                step.execute()

        self._client.ask(make)

    def append(self, event_of: Callable[[float, float], Event], last: bool = False) -> None:
        """Record an event; raise `RunEndedError` if the run is over and its stream gone."""
        now = time.monotonic()
        if self._pid != os.getpid():
            self._pid, self._clock, self._name = os.getpid(), None, secrets.token_hex(8)
        measured = last or self._clock is None
        if measured:
            self._clock = self._measure()
        assert self._clock is not None
        offset, error = self._clock
        event = event_of(now + offset, error)
        if measured:
            event = dataclasses.replace(event, offset=offset)
        entry: dict[Any, Any] = {"event": event.to_line(), "name": f"{self._name}:{next(self._numbers)}"}
        if self._client.ask(lambda server: server.xadd(self._key, entry, nomkstream=True)) is None:
            raise RunEndedError(GONE)

    def events(self) -> tuple[Event, ...]:
        """Return what was recorded so far, in order."""
        entries = cast("list[Entry]", self._client.ask(lambda server: server.xrange(self._key)))
        return self._parse(entries, set())

    def follow(self, over: Callable[[], bool]) -> Iterator[Event]:
        """Yield each event soon after it was recorded, until it is `over` and what was recorded then was yielded."""
        seen, names, last = "0", set[str](), False
        while not last:
            last = over()
            for entries in self._after(seen, None if last else BLOCK):
                yield from self._parse(entries, names)
                seen = entries[-1][0]

    def _after(self, seen: str, block: int | None) -> list[list[Entry]]:
        streams = self._client.ask(lambda server: server.xread({self._key: seen}, block=block))
        return [entries for _, entries in cast("list[tuple[str, list[Entry]]]", streams)]

    def _parse(self, entries: Sequence[Entry], names: set[str]) -> tuple[Event, ...]:
        """Return the events of those entries whose names are new."""
        lines = []
        for _, entry in entries:
            if entry["name"] not in names:
                names.add(entry["name"])
                lines.append(entry["event"])
        return parse_events(lines, self._key)

    def delete(self) -> None:
        """Remove the stream and close the connection."""
        self._client.ask(lambda server: server.unlink(self._key))
        self._client.close()

    @functools.cached_property
    def _client(self) -> Client:
        return Client(self._url)

    def _measure(self) -> tuple[float, float]:
        """Return what to add to the monotonic clock to get the server's, and how far off that may be."""
        round_trip, offset = min(self._client.ask(_probe) for _ in range(PROBES))
        return offset, round_trip / 2

    def __reduce__(self) -> tuple[object, ...]:
        return StreamLog, (self._url, self._key)


def _probe(server: redis.Redis) -> tuple[float, float]:
    sent = time.monotonic()
    seconds, microseconds = server.time()
    received = time.monotonic()
    return received - sent, seconds + microseconds / 1e6 - (sent + received) / 2
