"""Recorders: what an actor writes its events with, in a child process or on another host.

A log is where the events of one run go: a file that is only ever appended to, or a Redis stream. Both pickle to
their address, and both keep the order in which events were recorded.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, cast

import redis

from broker import BrokerError
from lab.context import Guard
from lab.errors import LabError, RunOverError
from lab.trace import Event, new_event, parse_events

KEPT = 24 * 3600  # seconds after which Redis forgets what a lab that was killed left there: longer than any run
PROBES = 3  # the quickest of so many round trips tells the server's clock

P = ParamSpec("P")

GONE = "the run's data is no longer on the Redis server: the run was ended, or the server lost what it had"


class Log(Protocol):
    """Where the events of one run go."""

    def append(self, event_of: Callable[[float, float], Event]) -> None:
        """Record the event that `event_of` makes of the time now and its error, both in seconds."""

    def events(self) -> tuple[Event, ...]:
        """Return what was recorded so far, in order."""


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


@dataclass(frozen=True)
class Recorder:
    """An actor's own access to the log: `me.note("buys", value=4)`."""

    log: Log
    who: str

    def note(self, what: str, **more: Any) -> None:
        """Record that `who` did `what`; by keyword: on, fence, value, why (see `Event`)."""
        self.log.append(lambda when, error: new_event(self.who, what, when, error, **more))

    @contextmanager
    def inside(self, section: str, guard: Guard | None) -> Iterator[None]:
        """Ask for `guard` and hold it for the length of the block, recording both; without one just go in."""
        if guard is not None:
            self.note("asks", on=section)
        with guard or nullcontext():
            self.note("enters", on=section, fence=getattr(guard, "fence", None))
            try:
                yield
            finally:
                self.note("leaves", on=section)


def actor(play: Callable[Concatenate[Recorder, P], None]) -> Callable[Concatenate[Recorder, P], None]:
    """Make of a function what a child process or a job runs: its beginning, end and failure are recorded.

    A failure that has a sentence ends the process with exit code 1; any other is a bug, with its traceback.
    """

    @functools.wraps(play)
    def perform(me: Recorder, /, *args: P.args, **kwargs: P.kwargs) -> None:
        _end_with_parent()
        try:
            me.note("starts")
            play(me, *args, **kwargs)
            me.note("ends")
        except RunOverError:
            raise SystemExit(1) from None
        except (LabError, BrokerError, redis.RedisError, OSError) as error:
            with suppress(LabError, redis.RedisError, OSError):
                me.note("fails", why=str(error))
            raise SystemExit(1) from None

    return perform


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_outlive_nobody, args=(parent,), daemon=True).start()


def _outlive_nobody(parent: Any) -> None:
    parent.join()
    os._exit(1)
