"""The cost of a queue: a put and a get when nobody waits, and the time from a put to the return of a waiting get."""

from __future__ import annotations

import pickle
import uuid
from typing import Any, Protocol

import redis
from rich.table import Table

from bench.figures import Measurement, Rows, Target, ratio, time_table
from bench.implementations import Implementation, implementations_of
from bench.pairs import Pair, pair_times, pairs_table
from bench.server import Server
from bench.signals import BlockingEndpoint, Endpoint, RawSignal, Signal
from bench.wake import wake_times

ROUNDS, QUICK_ROUNDS = 40, 8  # of hand-offs
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
    return pair_times(server, quick, queues(server.url), _pair)


def _pair(queue: Queue) -> Pair:
    put, get = queue.put, queue.get
    return lambda: (put(ITEM), get())


def _handoff(server: Server, quick: bool) -> Rows:
    signals: list[Signal] = [RawSignal(server.url), *map(QueueSignal, queues(server.url))]
    return wake_times(signals, QUICK_ROUNDS if quick else ROUNDS)


def _handoff_table(rows: Rows) -> Table:
    return time_table(rows, RawSignal.name)


def _pairs_targets(rows: Rows) -> list[Target]:
    return [Target("queue: x RPUSH and BLPOP", ratio(rows, "broker", ListQueue.name), 1.0)]


def _handoff_targets(rows: Rows) -> list[Target]:
    return [Target("hand-off of an item: x RPUSH and BLPOP", ratio(rows, "broker", ListQueue.name), 2.0)]


QUEUE = Measurement("Putting an item and getting it, on one core", _pairs, pairs_table, _pairs_targets)
ITEM_HANDOFF = Measurement("Hand-off of an item, put to get", _handoff, _handoff_table, _handoff_targets)
