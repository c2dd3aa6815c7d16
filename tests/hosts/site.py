"""A site: a broker's host with a Redis server on it, and three hosts that use it."""

from __future__ import annotations

import itertools
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import redis

from broker import Context, Lock, Semaphore
from broker.engine.session import register_session
from broker.transport.wire import wire_factory
from lab.runtime.store import RedisStore
from tests.hosts.clerk import Clerk
from tests.hosts.network import Host, Network
from tests.hosts.program import Program
from tests.support.actors import Actor
from tests.support.servers import Server
from tests.support.waiting import wait_until

PORT = 6379
STOCK = 100
_numbers = itertools.count(1)


class Site:
    """`one`, `two` and `three` reach the server on the host `broker` at `url`.

    So does the test's own process with `ctx`, by a way that no fault touches. `db` is what clerks sell from. Options
    are those of redis-server. Leaving it asserts that no key was left.
    """

    def __init__(self, **options: str) -> None:
        self._closing = ExitStack()
        self.folder = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="broker-test-", dir="/tmp"))
        network = self._closing.enter_context(Network(next(_numbers)))
        names = ("broker", "desk", "one", "two", "three")
        self.broker, self.desk, self.one, self.two, self.three = map(network.host, names)
        self.hosts = (self.one, self.two, self.three)
        options |= {"port": str(PORT), "bind": self.broker.address, "protected-mode": "no"}
        self.server = Server(Path(self.folder), self._launch, **options)
        self.url = f"redis://{self.broker.address}:{PORT}"
        register_session(self.url, wire_factory(self.server.url))
        self.ctx = Context(self.url)
        self.db = RedisStore(self.server.url, "db")
        self.db.create(STOCK)

    def clerk(self, host: Host, guard: Lock | Semaphore) -> Actor:
        """Return a clerk on `host`, whose permission to sell is `guard`."""
        return host.actor(Clerk(guard, RedisStore(self.url, self.db.key)))

    def forget_what_expires(self) -> None:
        """Delete the keys that would go by themselves; those with a lease of life must go sooner."""
        with redis.Redis.from_url(self.server.url) as client:
            wait_until(lambda: not list(client.scan_iter("broker:*life-*")))
            for key in client.scan_iter("broker:*"):
                assert client.ttl(key) > 0, key
                client.delete(key)

    def _launch(self, command: list[str]) -> Program:
        return self.broker.start(*command, stdout=subprocess.DEVNULL)

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._closing:
            for host in (self.desk, *self.hosts):
                host.power_off()
            if error is None:
                self._check()

    def _check(self) -> None:
        self.db.delete()
        self.ctx.close()
        with redis.Redis.from_url(self.server.url) as client:
            left = [key for key in client.scan_iter() if not key.startswith(b"rq:")]
            assert not left, left
