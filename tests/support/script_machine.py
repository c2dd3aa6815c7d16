"""The base of state machines that run the broker's scripts in any order."""

from __future__ import annotations

import redis
from hypothesis.stateful import RuleBasedStateMachine

from tests.support.fake_clock import FakeClock, ScriptClient


class ScriptMachine(RuleBasedStateMachine):
    """An emptied server with a fake clock, and clients; a subclass for each test has the server's URL."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.redis = redis.Redis.from_url(self.url)
        self.redis.flushall()
        self.clock = FakeClock(self.redis)
        self.all_clients: list[ScriptClient] = []

    def open_client(self) -> ScriptClient:
        self.all_clients.append(ScriptClient(self.url))
        return self.all_clients[-1]

    def teardown(self) -> None:
        for client in self.all_clients:  # requests in the name of dead clients may have opened sockets again
            client.disconnect()
        self.redis.close()
        self.redis.connection_pool.disconnect()
