"""The contexts that keep the contract: multiprocessing's own, which is the oracle, and its twins over Redis."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import fakeredis
import redis

from broker import Context
from broker.engine.session import register_session
from tests.support.actors import Actor, Actors
from tests.support.server_state import start_waiting

# Where multiprocessing and its twin knowingly differ, and why.
DIFFERENCES = {
    "who may release": "multiprocessing lets any process release a lock; a lease has one holder, and only it may",
    "fairness": "a POSIX semaphore wakes anybody; the twin serves first come, first served",
    "set, then clear": "multiprocessing's waiters may see neither; the twin's compare generations",
    "locked()": "multiprocessing has it from Python 3.14 on; the twin always",
    "a negative start": "multiprocessing passes on what the system says; the twin names the argument",
    "held by a killed process": "multiprocessing never gets it back; the twin when the lease ends",
    "when put() returns": "multiprocessing's feeder thread pickles and sends later; the twin's server has the item",
    "sending a queue": "multiprocessing's travels to a new child only; the twin's is a name",
    "who may say that it is done": "multiprocessing only counts; the twin's item has a taker, and only it may",
    "taken by a killed process": "multiprocessing loses it and joins for ever; the twin gives it to another",
    "a getter killed while it waits": "multiprocessing's keeps a lock for ever; the twin's next getter is served",
}

METHODS = ("fork", "spawn", "forkserver")
THREADS = "threads"


@dataclass
class World:
    """A context, and what its actors are: threads, or processes by one of the start methods."""

    context: Any
    twin: bool
    actor_kind: str
    actors: Actors

    def actor(self, thing: object) -> Actor:
        return self.actors.thread(thing) if self.actor_kind == THREADS else self.actors.process(self.context, thing)

    def begin(self, waiters: list[Actor], thing: Any, call: str, *arguments: object) -> None:
        """Let `waiters` begin a call that blocks, one after the other."""
        if self.twin:
            start_waiting(thing, waiters, call, *arguments)
            return
        for waiter in waiters:
            waiter.begin(call, *arguments)
            assert waiter.blocked(0.1)  # nobody can see who waits for a POSIX semaphore

    def differs(self, what: str) -> bool:
        """Whether this is the twin, in a respect in which it is none."""
        assert what in DIFFERENCES
        return self.twin


_numbers = itertools.count(1)


@contextmanager
def local(method: str, url: str) -> Iterator[Any]:
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["broker", "tests.support.actors"])
    yield context


@contextmanager
def real(method: str, url: str) -> Iterator[Context]:
    with Context(url, method=method) as context:
        yield context


class FakeWire:
    """A `broker.transport.wire.Wire` to a server that lives in this process."""

    def __init__(self, server: fakeredis.FakeServer) -> None:
        self._connection = fakeredis.FakeRedisConnection(server=server, protocol=2)
        self._connection.connect()

    def send(self, request: bytes) -> None:
        self._connection.send_packed_command((request,), check_health=False)

    def read(self, timeout: float | None = None) -> Any:
        if timeout is not None and not self._connection.can_read(timeout):
            raise redis.TimeoutError("nothing to read")
        return self._connection.read_response()

    def close(self) -> None:
        self._connection.disconnect()


@contextmanager
def fake(method: str, url: str) -> Iterator[Context]:
    server = fakeredis.FakeServer()

    url = f"redis://fake-{next(_numbers)}"
    register_session(url, lambda timeout: FakeWire(server))
    with Context(url) as context:
        yield context


Opener = Callable[[str, str], Any]
BACKENDS: dict[str, Opener] = {"multiprocessing": local, "fake": fake, "redis": real}
ALONE = list(BACKENDS)
PROCESSES = [f"{backend}-{method}" for backend in ("multiprocessing", "redis") for method in METHODS]
TOGETHER = [*(f"{backend}-{THREADS}" for backend in BACKENDS), *PROCESSES]
