"""Logs: where the events of one run go, a file that is only ever appended to, or a Redis stream.

Both pickle to their address, and both keep the order in which events were recorded.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import redis

from lab.errors import RunOverError
from lab.trace import Event, parse_events

KEPT = 24 * 3600  # seconds after which Redis forgets what a lab that was killed left there: longer than any run
GLANCE = 0.02  # seconds between looks at a file that grows
BLOCK = 100  # milliseconds that a reader of a stream waits for more
PROBES = 3  # the quickest of so many round trips tells the server's clock

GONE = "the run's data is no longer on the Redis server: the run was ended, or the server lost what it had"


class Log(Protocol):
    """Where the events of one run go."""

    def append(self, event_of: Callable[[float, float], Event]) -> None:
        """Record the event that `event_of` makes of the time now and its error, both in seconds."""

    def events(self) -> tuple[Event, ...]:
        """Return what was recorded so far, in order."""

    def follow(self, over: Callable[[], bool]) -> Iterator[Event]:
        """Yield each event soon after it was recorded, until it is `over` and what was recorded then was yielded."""


@dataclass(frozen=True)
class FileLog:
    """A log of one machine's processes: its clock is the machine's monotonic one."""

    path: Path

    def append(self, event_of: Callable[[float, float], Event]) -> None:
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
    """A log of many hosts' processes, in a Redis stream: its clock is the server's."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key

    def create(self) -> None:
        """Make the empty stream; without it an `append` raises `RunOverError`."""
        with self._client.pipeline(transaction=True) as step:
            step.xadd(self._key, {"event": "none"})
            step.xtrim(self._key, maxlen=0)
            step.expire(self._key, KEPT)
            step.execute()

    def append(self, event_of: Callable[[float, float], Event]) -> None:
        """Record an event; raise `RunOverError` if the run is over and its stream gone."""
        offset, error = self._clock
        line = event_of(time.monotonic() + offset, error).to_line()
        if self._client.xadd(self._key, {"event": line}, nomkstream=True) is None:
            raise RunOverError(GONE)

    def events(self) -> tuple[Event, ...]:
        """Return what was recorded so far, in order."""
        entries = cast("list[tuple[str, dict[str, str]]]", self._client.xrange(self._key))
        return parse_events((entry["event"] for _, entry in entries), self._key)

    def follow(self, over: Callable[[], bool]) -> Iterator[Event]:
        """Yield each event soon after it was recorded, until it is `over` and what was recorded then was yielded."""
        seen, last = "0", False
        while not last:
            last = over()
            streams = self._client.xread({self._key: seen}, block=None if last else BLOCK)
            for _, entries in cast("list[tuple[str, list[tuple[str, dict[str, str]]]]]", streams):
                yield from parse_events((entry["event"] for _, entry in entries), self._key)
                seen = entries[-1][0]

    def delete(self) -> None:
        """Remove the stream and close the connection."""
        self._client.unlink(self._key)
        self._client.close()

    @functools.cached_property
    def _client(self) -> redis.Redis:
        # Without retries: an event that was sent again might be recorded twice.
        return redis.Redis.from_url(self._url, decode_responses=True, protocol=2)

    @functools.cached_property
    def _clock(self) -> tuple[float, float]:
        """What to add to the monotonic clock to get the server's, and how far off that may be."""
        probes = []
        for _ in range(PROBES):
            sent = time.monotonic()
            seconds, microseconds = self._client.time()
            received = time.monotonic()
            probes.append((received - sent, seconds + microseconds / 1e6 - (sent + received) / 2))
        round_trip, offset = min(probes)
        return offset, round_trip / 2

    def __reduce__(self) -> tuple[object, ...]:
        return StreamLog, (self._url, self._key)
