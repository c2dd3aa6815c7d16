"""A cluster: a host with a Redis server, a host for the lab, and three hosts that use the server."""

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
from tests.hosts.network import Host, Network
from tests.hosts.program import Program
from tests.hosts.seller import Seller
from tests.support.actors import Actor
from tests.support.secured_server import ACL_RULES, PASSWORD, QUOTED
from tests.support.servers import Server
from tests.support.waiting import wait_until

PORT = 6379
STOCK = 100
_numbers = itertools.count(1)


class Cluster:
    """`one`, `two` and `three` reach the server on `server_host` at `url`, as the user of broker.acl.

    `admin_url` leads there with all rights. The test's own process reaches it with `ctx`, by a way that no fault
    affects. `db` has the tickets of the sellers. Options are those of redis-server. At the end no key may be left.
    """

    def __init__(self, **options: str) -> None:
        self._closing = ExitStack()
        self.folder = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="broker-test-", dir="/tmp"))
        network = self._closing.enter_context(Network(next(_numbers)))
        names = ("server", "lab", "one", "two", "three")
        self.server_host, self.lab_host, self.one, self.two, self.three = map(network.host, names)
        self.hosts = (self.one, self.two, self.three)
        users = Path(self.folder, "users.acl")
        users.write_text(f"user default on nopass ~* &* +@all\n{ACL_RULES} >{PASSWORD}\n")
        options |= {"port": str(PORT), "bind": self.server_host.address, "protected-mode": "no", "aclfile": str(users)}
        self.server = Server(Path(self.folder), self._launch, **options)
        self.admin_url = f"redis://{self.server_host.address}:{PORT}"
        self.url = f"redis://lab:{QUOTED}@{self.server_host.address}:{PORT}"
        register_session(self.url, wire_factory(self.server.url))
        self.ctx = Context(self.url)
        self.db = RedisStore(self.server.url, "lab:db")
        self.db.create(STOCK)

    def seller(self, host: Host, permit: Lock | Semaphore) -> Actor:
        """Return a seller on `host`, which sells while it holds `permit`."""
        return host.actor(Seller(permit, RedisStore(self.url, self.db.key)))

    def delete_expiring_keys(self) -> None:
        """Delete the keys that expire; those of jobs must expire within seconds."""
        with redis.Redis.from_url(self.server.url) as client:
            wait_until(lambda: not list(client.scan_iter("broker:*life-*")))
            for key in client.scan_iter("broker:*"):
                assert client.ttl(key) > 0, key
                client.delete(key)

    def _launch(self, command: list[str]) -> Program:
        return self.server_host.start(*command, stdout=subprocess.DEVNULL)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._closing:
            for host in (self.lab_host, *self.hosts):
                host.power_off()
            if error is None:
                self._check()

    def _check(self) -> None:
        self.db.delete()
        self.ctx.close()
        with redis.Redis.from_url(self.server.url) as client:
            left = [key for key in client.scan_iter() if not key.startswith(b"rq:")]
            assert not left, left
