"""The contexts under test: multiprocessing's own, which is the oracle, and the broker's, over Redis and fakeredis."""

from __future__ import annotations

import itertools
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import fakeredis
import pytest
import redis

from broker import Context
from broker.engine.session import register_session
from tests.support.actors import Actor, Actors
from tests.support.server_state import start_waiting

# Where multiprocessing and the broker differ on purpose, and why.
DIFFERENCES = {
    "who may release": "multiprocessing lets any process release a lock; in the broker only its holder can",
    "fairness": "a POSIX semaphore wakes any waiter; the broker serves first come, first served",
    "clear() right after set()": "multiprocessing's waiters may miss the set(); the broker's compare generations",
    "locked()": "multiprocessing has it since Python 3.14; the broker always",
    "negative initial value": "multiprocessing raises the system's OSError; the broker a ValueError with a reason",
    "killed holder": "multiprocessing never frees the lock; the broker does when the lease expires",
    "when put() returns": "multiprocessing's feeder thread sends the item later; the broker's server has it by then",
    "pickling a queue": "multiprocessing's can only be inherited by a child; the broker's is pickled by name",
    "who may call task_done()": "multiprocessing only counts; in the broker only the process that got the item can",
    "killed consumer": "multiprocessing loses the item, and join() blocks forever; the broker gives it to another",
    "killed getter": "multiprocessing's holds a lock forever; in the broker the next getter is served",
}

METHODS = ("fork", "spawn", "forkserver")
THREADS = "threads"


@dataclass
class Backend:
    """A context, and the kind of its actors: threads, or processes of one start method."""

    context: Any
    over_redis: bool
    actor_kind: str
    actors: Actors

    def actor(self, handle: object) -> Actor:
        return self.actors.thread(handle) if self.actor_kind == THREADS else self.actors.process(self.context, handle)

    def begin(self, waiters: list[Actor], handle: Any, call: str, *arguments: object) -> None:
        """Let `waiters` start a call that blocks, one after the other."""
        if self.over_redis:
            start_waiting(handle, waiters, call, *arguments)
            return
        for waiter in waiters:
            waiter.begin(call, *arguments)
            assert waiter.blocked(0.1)  # the waiters of a POSIX semaphore cannot be listed

    def differs(self, what: str) -> bool:
        """Return whether this is the broker; `what` is a documented difference."""
        assert what in DIFFERENCES
        return self.over_redis


_numbers = itertools.count(1)


@contextmanager
def multiprocessing_context(method: str, url: str) -> Iterator[Any]:
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["broker", "tests.support.actors"])
    yield context


@contextmanager
def redis_context(method: str, url: str) -> Iterator[Context]:
    with Context(url, method=method) as context:
        yield context


class FakeWire:
    """A `broker.transport.wire.Wire` to a server that lives in this process."""

    def __init__(self, server: fakeredis.FakeServer) -> None:
        self._connection = fakeredis.FakeRedisConnection(server=server, protocol=2)
        self._connection.connect()
        self._lock = threading.Lock()  # fakeredis cannot close a connection while it serves a request on it

    def send(self, request: bytes, timeout: float | None = None) -> None:
        with self._lock:
            self._connection.send_packed_command((request,), check_health=False)

    def read(self, timeout: float | None = None) -> Any:
        if timeout is not None and not self._connection.can_read(timeout):
            raise redis.TimeoutError("nothing to read")
        return self._connection.read_response()

    def close(self) -> None:
        with self._lock:
            self._connection.disconnect()


@contextmanager
def fakeredis_context(method: str, url: str) -> Iterator[Context]:
    server = fakeredis.FakeServer()
    server.dbs[0]  # two first connections at once would each create a database of their own
    url = f"redis://fake-{next(_numbers)}"
    register_session(url, lambda *_: FakeWire(server))
    with Context(url) as context:
        yield context


Factory = Callable[[str, str], Any]
BACKENDS: dict[str, Factory] = {
    "multiprocessing": multiprocessing_context,
    "fakeredis": fakeredis_context,
    "redis": redis_context,
}
ALL = list(BACKENDS)
PROCESSES = [
    pytest.param(f"{backend}-{method}", marks=[pytest.mark.slow] if method == "spawn" else [])
    for backend in ("multiprocessing", "redis")
    for method in METHODS
]
WITH_ACTORS = [*(f"{backend}-{THREADS}" for backend in BACKENDS), *PROCESSES]
