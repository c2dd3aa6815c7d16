"""The cost of a queue: a put and a get when nobody waits, and the time from a put to the return of a waiting get."""

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

from bench.figures import Measurement, Rows, Target, ratio, summary, time_table
from bench.implementations import Implementation, RawRoundTrips, implementations_of
from bench.server import Server
from bench.signals import BlockingEndpoint, Endpoint, RawSignal, Signal
from bench.wake import wake_times
from bench.workers import CONTEXT, start_workers

ROUNDS, QUICK_ROUNDS = 40, 8
REPEATS = 100  # pairs of put and get in one sample
ITEM = ("person", 7, "余票")


class Queue(Protocol):
    """A queue, as one process uses it."""

    def put(self, item: Any) -> object:
        """Add an item."""

    def get(self) -> Any:
        """Wait for an item, and take it."""


class ListQueue:
    """A queue written by hand: RPUSH, BLPOP and pickle, with a redis-py client."""

    name = "RPUSH and BLPOP"

    def __init__(self, url: str) -> None:
        self._url = url
        self._key = uuid.uuid4().hex

    def connect(self) -> Queue:
        """Return the queue with its own client."""
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


class QueueSignal:
    """A `put` that a `get` waits for."""

    def __init__(self, implementation: Implementation) -> None:
        self.name = implementation.name
        self._implementation = implementation

    def connect(self) -> Endpoint:
        """Connect the implementation."""
        queue: Queue = self._implementation.connect()
        return BlockingEndpoint(lambda: queue.put(ITEM), queue.get)


def queues(url: str) -> list[Implementation]:
    """Return new queues of all implementations, on the server at `url`."""
    return [*implementations_of(url, "Queue"), ListQueue(url)]


def _pairs(server: Server, quick: bool) -> Rows:
    limit, implementations = RawRoundTrips(server.url), queues(server.url)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    names = [limit.name, *(implementation.name for implementation in implementations)]
    samples = CONTEXT.RawArray("d", rounds * len(names))
    core = max(os.sched_getaffinity(0))
    arguments = (limit, implementations, core, rounds, samples)
    with server.pinned(core), start_workers(1, 1, _put_and_get, *arguments) as barrier:
        barrier.wait()
    return {name: summary(samples[number :: len(names)]) for number, name in enumerate(names)}


def _put_and_get(
    _: int,
    barrier: Barrier,
    limit: RawRoundTrips,
    implementations: Sequence[Implementation],
    core: int,
    rounds: int,
    samples: MutableSequence[float],
) -> None:
    barrier.wait()
    os.sched_setaffinity(0, {core})
    ping = limit.connect()
    connected: list[Queue] = [implementation.connect() for implementation in implementations]
    pairs = [lambda: (ping.acquire(), ping.release()), *map(_pair, connected)]
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
    signals: list[Signal] = [RawSignal(server.url), *map(QueueSignal, queues(server.url))]
    return wake_times(signals, QUICK_ROUNDS if quick else ROUNDS)


def _pairs_table(rows: Rows) -> Table:
    return time_table(rows, RawRoundTrips.name)


def _handoff_table(rows: Rows) -> Table:
    return time_table(rows, RawSignal.name)


def _pairs_targets(rows: Rows) -> list[Target]:
    return [Target("queue: x RPUSH and BLPOP", ratio(rows, "broker", ListQueue.name), 1.0)]


def _handoff_targets(rows: Rows) -> list[Target]:
    return [Target("hand-off of an item: x RPUSH and BLPOP", ratio(rows, "broker", ListQueue.name), 2.0)]


QUEUE = Measurement("Putting an item and getting it, on one core", _pairs, _pairs_table, _pairs_targets)
ITEM_HANDOFF = Measurement("Hand-off of an item, put to get", _handoff, _handoff_table, _handoff_targets)
