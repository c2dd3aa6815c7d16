"""The scripts of locks and semaphores match a model: any order of calls, lost leases, dead waiters, data loss."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import settings
from hypothesis.stateful import (
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
from tests.broker.locks.permits_model import PermitsModel
from tests.support.fake_clock import SECOND, ScriptClient, with_fake_clock
from tests.support.script_machine import ScriptMachine

ACQUIRE, RELEASE, WITHDRAW, RENEW, ADD, VALUE = map(
    with_fake_clock,
    (
        permits.ACQUIRE,
        shared_scripts.RELEASE,
        shared_scripts.WITHDRAW,
        shared_scripts.RENEW,
        permits.ADD_PERMIT,
        permits.COUNT_FREE,
    ),
)
KEYS = [b"{test}", b"{test}:queue", b"{test}:ended", b"{test}:index"]
CLIENTS = 3
RETRY_MINUTES = 4  # a request that was withdrawn is refused for at least this long; no copy is delayed for longer
indexes = st.integers(0, 2**16)
starts = st.sampled_from([1, 2, 1, 3, 0])
LONGEST_LEASE = 10 * SECOND
leases = st.sampled_from([SECOND // 5, 3 * SECOND, LONGEST_LEASE])


class PermitsMachine(ScriptMachine):
    """Clients acquire, wait, renew, release and die, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.clients: list[ScriptClient] = []
        self.tokens: list[tuple[ScriptClient, bytes, int]] = []
        self.withdrawn: dict[bytes, int] = {}  # when, by the highest time so far
        self.check_at: dict[bytes, int] = {}
        self.grants: dict[int, bytes] = {}
        self.latest = self.clock.now  # the highest time so far
        self.earliest = 0  # after a loss of data, fences rise only if the clock does

    @initialize(start=starts, waiting=st.lists(st.tuples(indexes, leases), min_size=3, max_size=8))
    def open(self, start: int, waiting: list[tuple[int, int]]) -> None:
        self.model = PermitsModel(start, self.clock.now)
        for _ in range(CLIENTS):
            self.new_client()
        for index, lease in waiting:
            self.new_request(index, lease, wait=True)

    def new_client(self) -> None:
        client = self.open_client()
        client.subscribe()
        self.model.subscribed.add(client.channel.removeprefix(b"broker:"))
        self.clients.append(client)

    def run_script(self, script: Script, client: ScriptClient, lease: int, *arguments: bytes) -> Any:
        return client.run(script.bind(KEYS, self.model.start, lease), *arguments)

    def pick(self, index: int) -> tuple[ScriptClient, bytes, int]:
        """Choose a request: one that holds or waits if there is any, else one that has ended."""
        active = [each for each in self.tokens if each[1] in self.model.held or each[1] in self.model.queue]
        candidates = active or self.tokens
        return candidates[index % len(candidates)]

    def acquire(self, client: ScriptClient, token: bytes, lease: int, wait: bool) -> None:
        reply = self.run_script(ACQUIRE, client, lease, token, b"%d" % wait)
        expected = self.model.acquire(token, wait, lease)
        if expected:
            assert reply == expected
            self.check_fence(token, expected)
        else:
            now, self.check_at[token], places, fence = reply
            assert now == self.clock.now
            assert fence == int(self.redis.hget(KEYS[0], "fence"))
            if wait:
                self.check_state()
                assert places == 0 or places >= self.model.queue.index(token), "dead ones may have been before it"
                self.check_somebody_gets_in(lease)

    def check_somebody_gets_in(self, lease: int) -> None:
        """However far the clock was set back: after a request that waits, some lease expires within two leases."""
        holds = self.model.held.values()
        if holds:
            bound = max(lease, SECOND, *(hold.lease for hold in holds))
            assert min(hold.expires for hold in holds) <= self.clock.now + 2 * bound

    def check_fence(self, token: bytes, fence: int) -> None:
        assert self.grants.setdefault(fence, token) == token, "two grants have the same fence"
        assert fence >= max(self.grants) or self.model.held[token].fence == fence, "a fence has fallen"

    @rule(index=indexes, lease=leases)
    def acquire_waiting(self, index: int, lease: int) -> None:
        self.new_request(index, lease, wait=True)

    @rule(index=indexes, lease=leases)
    def acquire_now(self, index: int, lease: int) -> None:
        self.new_request(index, lease, wait=False)

    def new_request(self, index: int, lease: int, wait: bool) -> None:
        client = self.clients[index % len(self.clients)]
        token = client.token()
        self.tokens.append((client, token, lease))
        self.acquire(client, token, lease, wait)

    @precondition(lambda self: self.tokens)
    @rule(index=indexes, wait=st.booleans())
    def repeat_acquire(self, index: int, wait: bool) -> None:
        client, token, lease = self.pick(index)
        if client.is_subscribed() and token not in self.withdrawn:
            self.acquire(client, token, lease, wait)

    @precondition(lambda self: self.tokens)
    @rule(index=indexes, any_request=st.booleans())
    def release(self, index: int, any_request: bool) -> None:
        client, token, lease = self.tokens[index % len(self.tokens)] if any_request else self.pick(index)
        assert self.run_script(RELEASE, client, lease, token) == self.model.release(token, lease)

    @precondition(lambda self: self.tokens)
    @rule(index=indexes, any_request=st.booleans())
    def withdraw(self, index: int, any_request: bool) -> None:
        client, token, lease = self.tokens[index % len(self.tokens)] if any_request else self.pick(index)
        assert self.run_script(WITHDRAW, client, lease, token) == self.model.withdraw(token, lease)
        self.withdrawn[token] = self.latest

    @precondition(lambda self: self.withdrawn)
    @rule(index=indexes, wait=st.booleans())
    def deliver_late_copy(self, index: int, wait: bool) -> None:
        """A copy of a request arrives after it was withdrawn: nothing changes."""
        withdrawn = [each for each in self.tokens if each[1] in self.withdrawn]
        client, token, lease = withdrawn[index % len(withdrawn)]
        if self.latest - self.withdrawn[token] < RETRY_MINUTES * 60 * SECOND:
            with pytest.raises(redis.ResponseError, match="WITHDRAWN"):
                self.run_script(ACQUIRE, client, lease, token, b"%d" % wait)

    @precondition(lambda self: self.model.held)
    @rule(index=indexes)
    def release_held(self, index: int) -> None:
        held = [each for each in self.tokens if each[1] in self.model.held]
        client, token, lease = held[index % len(held)]
        assert self.run_script(RELEASE, client, lease, token) == self.model.release(token, lease)

    @precondition(lambda self: self.tokens)
    @rule(index=indexes)
    def renew(self, index: int) -> None:
        client, token, lease = self.pick(index)
        assert self.run_script(RENEW, client, lease, token) == self.model.renew(token, lease)

    @rule(index=indexes, lease=leases, times=st.integers(1, 2))
    def add_permit(self, index: int, lease: int, times: int) -> None:
        client = self.clients[index % len(self.clients)]
        token = client.token()
        for _ in range(times):  # a repeated request adds only one permit
            assert self.run_script(ADD, client, lease, token) == 1
        self.model.add(lease)

    @rule(lease=leases)
    def count_free(self, lease: int) -> None:
        client = self.clients[-1]
        assert self.run_script(VALUE, client, lease, client.token()) == self.model.value(lease)

    @rule(tenths=st.sampled_from([1, 2, 3, 11, 1, 31, 2, 120]))
    def advance_clock(self, tenths: int) -> None:
        self.advance(tenths * SECOND // 10)

    @rule(tenths=st.sampled_from([1, 31, 600]))
    def set_clock_back(self, tenths: int) -> None:
        step = max(self.earliest - self.clock.now, -tenths * SECOND // 10)
        self.advance(step)
        self.check_at = {
            token: moment + step for token, moment in self.check_at.items()
        }  # clients have clocks of their own

    def advance(self, microseconds: int) -> None:
        self.clock.advance(microseconds)
        self.model.now = self.clock.now
        self.latest = max(self.latest, self.clock.now)

    @rule(index=indexes)
    def kill_client(self, index: int) -> None:
        client = self.clients.pop(index % len(self.clients))
        client.disconnect()
        self.model.subscribed.discard(client.channel.removeprefix(b"broker:"))
        self.new_client()  # the server confirms its subscription only after it has seen the other client go

    @precondition(lambda self: len(self.tokens) > 10)
    @rule()
    def lose_data(self) -> None:
        self.redis.flushall()
        self.model.lose_data()
        self.tokens = [each for each in self.tokens if each[1] not in self.withdrawn]  # no longer refused
        self.withdrawn.clear()
        self.check_at.clear()
        self.advance(self.latest - self.clock.now + SECOND)
        self.earliest = self.clock.now

    @invariant()
    def check_all(self) -> None:
        if hasattr(self, "model"):
            self.check_messages()
            self.check_state()
            self.check_leases_are_watched()

    def check_messages(self) -> None:
        received = []
        for client in self.clients:
            for message in client.messages():
                token, fence, moment = message.split(b" ")
                if fence == b"0":
                    self.check_at[token] = int(moment)
                    assert int(moment) <= self.clock.now + LONGEST_LEASE, "lost data would block the queue for longer"
                else:
                    received.append((token, int(fence)))
                    self.check_fence(token, int(fence))
        assert sorted(received) == sorted(self.model.notified)
        self.model.notified.clear()

    def check_state(self) -> None:
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.zrange(KEYS[1], 0, -1, withscores=True).hgetall(KEYS[0])
            for key in KEYS:
                pipe.pttl(key)
            queue, state, *ttls = pipe.execute()
        tokens = [token for token, _ in queue]
        self.model.drop_dead_waiters(tokens)
        assert tokens == self.model.queue
        self.check_tickets(dict(queue))
        held = {token: value for token, value in state.items() if b":" in token}
        for token, hold in self.model.held.items():
            if held[token] == self.permit(hold.fence, self.model.capped_expiry(hold), hold.lease):
                hold.expires = self.model.capped_expiry(hold)  # the server may have noticed that its clock was set back
        assert held == {
            token: self.permit(hold.fence, hold.expires, hold.lease) for token, hold in self.model.held.items()
        }
        assert -1 not in ttls, "a key would stay forever"  # -2: there is no such key

    def permit(self, fence: int, expires: int, lease: int) -> bytes:
        return b"%d %d %d" % (fence, expires, lease)

    def check_tickets(self, tickets: dict[bytes, float]) -> None:
        """Each is the time at which its request joined, unless that would not be more than the one before."""
        assert len(set(tickets.values())) == len(tickets)
        for token, ticket in tickets.items():
            assert self.model.joined[token] <= ticket < self.latest + self.model.joins

    def check_leases_are_watched(self) -> None:
        """A waiter checks when the next lease expires or within a second; within a lease if the clock was set back."""
        if self.model.queue and self.model.held and self.model.all_waiters_live:
            first_expiry = min(hold.expires for hold in self.model.held.values())
            next_check = min(self.check_at[token] for token in self.model.queue)
            latest = self.clock.now + (SECOND if self.clock.now == self.latest else LONGEST_LEASE)
            assert next_check <= max(first_expiry, latest), "a dead holder would block the queue past its lease"


@pytest.fixture
def machine(server: PrivateServer) -> type[PermitsMachine]:
    return type("Machine", (PermitsMachine,), {"url": server.url})


def test_scripts_match_model(machine: type[PermitsMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=40))
