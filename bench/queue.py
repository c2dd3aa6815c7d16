"""What a queue costs: putting and getting when nobody waits, and from a put to the return of a get that waited."""

from __future__ import annotations

import os
import pickle
import time
import uuid
from collections.abc import MutableSequence, Sequence
from threading import Barrier
from typing import Any, Protocol

import redis
from rich.table import Table

from bench.contestants import Contestant, RawRoundTrips, of_kind
from bench.crew import CONTEXT, crew
from bench.figures import Measurement, Rows, Target, ratio, summary, time_table
from bench.gates import Gate, Passage, RawGate
from bench.server import Server
from bench.wake import wake_times

ROUNDS, QUICK_ROUNDS = 40, 8
REPEATS = 100  # pairs of put and get in one sample
ITEM = ("person", 7, "余票")


class Queue(Protocol):
    """What one process puts into and another gets from."""

    def put(self, item: Any) -> object:
        """Add an item."""

    def get(self) -> Any:
        """Wait for an item, and take it."""


class ListQueue:
    """A list and a client of redis-py: RPUSH and BLPOP, and pickle; what a program would write by hand."""

    name = "RPUSH and BLPOP"

    def __init__(self, url: str) -> None:
        self._url = url
        self._key = uuid.uuid4().hex

    def connect(self) -> Queue:
        """Open a client of its own."""
        return _List(redis.Redis.from_url(self._url), self._key)


class _List:
    def __init__(self, client: redis.Redis, key: str) -> None:
        self._client = client
        self._key = key

    def put(self, item: Any) -> object:
        return self._client.rpush(self._key, pickle.dumps(item))

    def get(self) -> Any:
        _, item = self._client.blpop([self._key])  # type: ignore[misc]
        return pickle.loads(item)


class QueueGate:
    """Waits with `get` for a `put`."""

    def __init__(self, contestant: Contestant) -> None:
        self.name = contestant.name
        self._contestant = contestant

    def connect(self) -> Passage:
        """Connect the contestant."""
        return _QueuePassage(self._contestant.connect())


class _QueuePassage:
    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def shut(self) -> None:
        pass

    def open(self) -> None:
        self._queue.put(ITEM)

    def wait(self) -> None:
        self._queue.get()

    def leave(self) -> None:
        pass


def queues(url: str) -> list[Contestant]:
    """Return every queue of the comparison, new on the server at `url`."""
    return [*of_kind(url, "Queue"), ListQueue(url)]


def _pairs(server: Server, quick: bool) -> Rows:
    limit, contestants = RawRoundTrips(server.url), queues(server.url)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    names = [limit.name, *(contestant.name for contestant in contestants)]
    samples = CONTEXT.RawArray("d", rounds * len(names))
    core = max(os.sched_getaffinity(0))
    with server.pinned(core), crew(1, 1, _put_and_get, limit, contestants, core, rounds, samples) as barrier:
        barrier.wait()
    return {name: summary(samples[number :: len(names)]) for number, name in enumerate(names)}


def _put_and_get(
    _: int,
    barrier: Barrier,
    limit: RawRoundTrips,
    contestants: Sequence[Contestant],
    core: int,
    rounds: int,
    samples: MutableSequence[float],
) -> None:
    barrier.wait()
    os.sched_setaffinity(0, {core})
    pinging = limit.connect()
    connected: list[Queue] = [contestant.connect() for contestant in contestants]
    pairs = [lambda: (pinging.acquire(), pinging.release()), *map(_pair, connected)]
    for pair in pairs:
        pair()
    for number in range(rounds):
        for place, pair in enumerate(pairs):
            started = time.perf_counter()
            for _ in range(REPEATS):
                pair()
            samples[number * len(pairs) + place] = (time.perf_counter() - started) / REPEATS * 1e6


def _pair(queue: Queue) -> Any:
    put, get = queue.put, queue.get
    return lambda: (put(ITEM), get())


def _handoff(server: Server, quick: bool) -> Rows:
    gates: list[Gate] = [RawGate(server.url), *map(QueueGate, queues(server.url))]
    return wake_times(gates, QUICK_ROUNDS if quick else ROUNDS)


def _pairs_table(rows: Rows) -> Table:
    return time_table(rows, RawRoundTrips.name)


def _handoff_table(rows: Rows) -> Table:
    return time_table(rows, RawGate.name)


def _pairs_targets(rows: Rows) -> list[Target]:
    return [Target("queue: x RPUSH and BLPOP", ratio(rows, "broker", ListQueue.name), 1.0)]


def _handoff_targets(rows: Rows) -> list[Target]:
    return [Target("hand-off of an item: x RPUSH and BLPOP", ratio(rows, "broker", ListQueue.name), 2.0)]


QUEUE = Measurement("Putting an item and getting it, on one core", _pairs, _pairs_table, _pairs_targets)
ITEM_HANDOFF = Measurement("Hand-off of an item, put to get", _handoff, _handoff_table, _handoff_targets)
