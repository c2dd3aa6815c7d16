"""The scripts of locks and semaphores against a model: any order of calls, lost leases, dead waiters, lost data."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from broker.engine import shared_scripts
from broker.locks import permits
from broker.server.private_server import PrivateServer
from broker.transport.scripts import Script
from tests.broker.locks.model import Model
from tests.support.fake_clock import SECOND, FakeClock, ScriptClient, with_fake_clock

ACQUIRE, RELEASE, RENEW, ADD, VALUE = map(
    with_fake_clock,
    (permits.ACQUIRE, shared_scripts.RELEASE, shared_scripts.RENEW, permits.ADD_PERMIT, permits.COUNT_FREE),
)
KEYS = [b"{test}", b"{test}:queue", b"{test}:ended"]
CLIENTS = 3
someone = st.integers(0, 2**16)
starts = st.sampled_from([1, 2, 1, 3, 0])
leases = st.sampled_from([SECOND // 5, 3 * SECOND, 10 * SECOND])


class PermitsMachine(RuleBasedStateMachine):
    """Clients that ask, wait, hold, stop and die, in any order."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.redis = redis.Redis.from_url(self.url)
        self.redis.flushall()
        self.clock = FakeClock(self.redis)
        self.clients: list[ScriptClient] = []
        self.everybody: list[ScriptClient] = []
        self.tokens: list[tuple[ScriptClient, bytes, int]] = []
        self.look_at: dict[bytes, int] = {}
        self.grants: dict[int, bytes] = {}

    @initialize(start=starts, waiting=st.lists(st.tuples(someone, leases), min_size=3, max_size=8))
    def open(self, start: int, waiting: list[tuple[int, int]]) -> None:
        self.model = Model(start, self.clock.now)
        for _ in range(CLIENTS):
            self.new_client()
        for who, lease in waiting:
            self.enter(who, lease, wait=True)

    def new_client(self) -> None:
        client = ScriptClient(self.url)
        client.subscribe()
        self.model.listening.add(client.channel.removeprefix(b"broker:"))
        self.clients.append(client)
        self.everybody.append(client)

    def run_script(self, script: Script, client: ScriptClient, lease: int, *arguments: bytes) -> Any:
        return client.run(script.bind(KEYS, self.model.start, lease), *arguments)

    def pick(self, who: int) -> tuple[ScriptClient, bytes, int]:
        """Choose a request, and one that holds or waits if there is any."""
        live = [each for each in self.tokens if each[1] in self.model.held or each[1] in self.model.queue]
        among = live or self.tokens
        return among[who % len(among)]

    def ask(self, client: ScriptClient, token: bytes, lease: int, wait: bool) -> None:
        reply = self.run_script(ACQUIRE, client, lease, token, b"%d" % wait)
        expected = self.model.acquire(token, wait, lease)
        if expected:
            assert reply == expected
            self.granted(token, expected)
        else:
            now, self.look_at[token], rank = reply
            assert now == self.clock.now
            assert token not in self.model.queue or rank == self.model.queue.index(token)

    def granted(self, token: bytes, fence: int) -> None:
        assert self.grants.setdefault(fence, token) == token, "one fence, two grants"
        assert fence >= max(self.grants) or self.model.held[token].fence == fence, "a fence that fell"

    @rule(who=someone, lease=leases)
    def queue_up(self, who: int, lease: int) -> None:
        self.enter(who, lease, wait=True)

    @rule(who=someone, lease=leases)
    def try_once(self, who: int, lease: int) -> None:
        self.enter(who, lease, wait=False)

    def enter(self, who: int, lease: int, wait: bool) -> None:
        client = self.clients[who % len(self.clients)]
        token = client.token()
        self.tokens.append((client, token, lease))
        self.ask(client, token, lease, wait)

    @precondition(lambda self: self.tokens)
    @rule(who=someone, wait=st.booleans())
    def ask_again(self, who: int, wait: bool) -> None:
        client, token, lease = self.pick(who)
        if client.is_subscribed():
            self.ask(client, token, lease, wait)

    @precondition(lambda self: self.tokens)
    @rule(who=someone, any_request=st.booleans())
    def release(self, who: int, any_request: bool) -> None:
        client, token, lease = self.tokens[who % len(self.tokens)] if any_request else self.pick(who)
        assert self.run_script(RELEASE, client, lease, token) == self.model.release(token, lease)

    @precondition(lambda self: self.model.held)
    @rule(who=someone)
    def release_held(self, who: int) -> None:
        held = [each for each in self.tokens if each[1] in self.model.held]
        client, token, lease = held[who % len(held)]
        assert self.run_script(RELEASE, client, lease, token) == self.model.release(token, lease)

    @precondition(lambda self: self.tokens)
    @rule(who=someone)
    def renew(self, who: int) -> None:
        client, token, lease = self.pick(who)
        assert self.run_script(RENEW, client, lease, token) == self.model.renew(token, lease)

    @rule(who=someone, lease=leases, times=st.integers(1, 2))
    def add(self, who: int, lease: int, times: int) -> None:
        client = self.clients[who % len(self.clients)]
        token = client.token()
        for _ in range(times):  # a repeated request adds one permit all the same
            assert self.run_script(ADD, client, lease, token) == 1
        self.model.add(lease)

    @rule(lease=leases)
    def count(self, lease: int) -> None:
        client = self.clients[-1]
        assert self.run_script(VALUE, client, lease, client.token()) == self.model.value(lease)

    @rule(tenths=st.sampled_from([1, 2, 3, 11, 1, 31, 2, 120]))
    def time_passes(self, tenths: int) -> None:
        self.advance(tenths * SECOND // 10)

    def advance(self, microseconds: int) -> None:
        self.clock.advance(microseconds)
        self.model.now = self.clock.now

    @rule(who=someone)
    def die(self, who: int) -> None:
        client = self.clients.pop(who % len(self.clients))
        client.disconnect()
        self.model.listening.discard(client.channel.removeprefix(b"broker:"))
        self.new_client()  # whose subscription the server confirms only after it has seen the other go

    @precondition(lambda self: len(self.tokens) > 10)
    @rule()
    def lose_data(self) -> None:
        self.redis.flushall()
        self.model.forget()
        self.look_at.clear()
        self.advance(SECOND)

    @invariant()
    def all_is_well(self) -> None:
        if hasattr(self, "model"):
            self.check_messages()
            self.check_state()
            self.check_head_looks_in_time()

    def check_messages(self) -> None:
        heard = []
        for client in self.clients:
            for message in client.messages():
                token, fence, moment = message.split(b" ")
                if fence == b"0":
                    self.look_at[token] = int(moment)
                else:
                    heard.append((token, int(fence)))
                    self.granted(token, int(fence))
        assert sorted(heard) == sorted(self.model.told)
        self.model.told.clear()

    def check_state(self) -> None:
        assert self.redis.zrange(KEYS[1], 0, -1) == self.model.queue
        held = {token: value for token, value in self.redis.hgetall(KEYS[0]).items() if b":" in token}
        assert held == {token: b"%d %d" % (hold.fence, hold.ends) for token, hold in self.model.held.items()}
        assert all(ttl > 0 for ttl in (self.redis.pttl(key) for key in KEYS if self.redis.exists(key)))

    def check_head_looks_in_time(self) -> None:
        if self.model.queue and self.model.held:
            first_end = min(hold.ends for hold in self.model.held.values())
            assert self.look_at[self.model.queue[0]] <= first_end, "a dead holder would keep the queue waiting"

    def teardown(self) -> None:
        for client in self.everybody:  # the requests of the dead may have opened sockets again
            client.disconnect()
        self.redis.close()
        self.redis.connection_pool.disconnect()


@pytest.fixture
def machine(server: PrivateServer) -> type[PermitsMachine]:
    return type("Machine", (PermitsMachine,), {"url": server.url})


def test_the_scripts_do_what_the_model_does(machine: type[PermitsMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=40))
