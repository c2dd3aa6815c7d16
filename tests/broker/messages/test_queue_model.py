"""The scripts of a queue in any order, with repeated requests, dead waiters, lost leases and data loss.

Every item is put once and got once, in the order of the puts, and no client waits although it could go on.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import re
from dataclasses import dataclass, field
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

from broker.engine.shared_scripts import RENEW
from broker.messages.items import CONFIRM_GET, GET, PUT, RETURN_ITEM, WITHDRAW_PUT
from broker.messages.queues import READ_UNFINISHED, TASK_DONE, WITHDRAW_TASK
from broker.server.private_server import PrivateServer
from broker.transport.scripts import Script
from tests.support.fake_clock import SECOND, ScriptClient, with_fake_clock
from tests.support.script_machine import ScriptMachine

KEYS = [b"{test}%d" % number for number in range(1, 13)]
ITEMS, TAKEN, DONE, INDEX = KEYS[3], KEYS[4], KEYS[10], KEYS[11]
PERMITS = {"items": KEYS[:3], "slots": KEYS[7:10]}
EXPIRIES = b"{test}ends"  # when the records of past requests expire, by the fake clock
META = {b"start", b"created", b"capacity", b"fence", b"ticket", b"look", b"touched"}
RETRY_MINUTES = 4  # a request is recognized as repeated for at least this long; clients give up earlier
CLIENTS = 4
indexes = st.integers(0, 2**16)


def with_expiry_on_fake_clock(original: Script) -> Script:
    """Return the script with a fake clock; keys that expire at a time are listed instead, for `advance`."""
    script = copy.copy(with_fake_clock(original))
    script.text = re.sub(rb"redis.call\('PEXPIREAT', ", b"redis.call('HSET', '%b', " % EXPIRIES, script.text)
    assert b"'PEXPIREAT'" not in script.text
    script.text = script.text.replace(b"KEPT_SIZE = 16384", b"KEPT_SIZE = 1")  # items of two digits are large
    script.sha = hashlib.sha1(script.text, usedforsecurity=False).hexdigest().encode()
    return script


PUT, GET, RETURN_ITEM, WITHDRAW_PUT, TASK_DONE, WITHDRAW_TASK, READ_UNFINISHED, RENEW = map(
    with_expiry_on_fake_clock,
    (PUT, GET, RETURN_ITEM, WITHDRAW_PUT, TASK_DONE, WITHDRAW_TASK, READ_UNFINISHED, RENEW),
)


@dataclass
class PendingRequest:
    """A put or a get that a client has sent."""

    script: Script
    token: bytes
    payload: bytes  # of a put the item; of a get whether the item stays under a lease
    sent_at: int
    check_at: int = 0
    granted_until: int = 0  # when the grant of which it was notified expires


@dataclass
class User:
    """A client, its waiting request, its last request and reply, and the tokens of items it has not finished."""

    client: ScriptClient
    request: PendingRequest | None = None
    last: tuple[PendingRequest, Any] | None = None
    taken: list[bytes] = field(default_factory=list)


@dataclass
class Permits:
    """What the server holds of one kind of permits."""

    state: dict[bytes, bytes]
    queue: list[bytes]

    @property
    def capacity(self) -> int | None:
        return int(self.state[b"capacity"]) if b"capacity" in self.state else None


@dataclass
class ServerState:
    """What the server holds of the queue, read in one round trip."""

    items: list[bytes]
    taken: dict[bytes, bytes]
    results: list[bytes]  # fields of the records of past requests
    permits: dict[str, Permits]
    without_expiry: list[bytes]

    @classmethod
    def read(cls, client: redis.Redis) -> ServerState:
        with client.pipeline(transaction=False) as pipe:
            pipe.lrange(ITEMS, 0, -1).hgetall(TAKEN).hgetall(EXPIRIES).hkeys(KEYS[5]).hkeys(KEYS[6])
            for state, queue, _ in PERMITS.values():
                pipe.hgetall(state).zrange(queue, 0, -1)
            for key in KEYS:
                pipe.pttl(key)
            items, taken, expiries, first, second, *rest = pipe.execute()
        permits = {name: Permits(rest.pop(0), rest.pop(0)) for name in PERMITS}
        # PTTL is -1 for a key that does not expire, and -2 for one that does not exist.
        without_expiry = [key for key, ttl in zip(KEYS, rest, strict=True) if ttl == -1 and key not in expiries]
        return cls(items, taken, [*first, *second], permits, without_expiry)


class QueueMachine(ScriptMachine):
    """Users put, get, wait, lose replies, are interrupted and die."""

    def __init__(self) -> None:
        super().__init__()
        self.users: list[User] = []
        self.number = 0
        self.items: list[bytes] = []
        self.taken: dict[bytes, bytes] = {}
        self.ended_tokens: set[bytes] = set()  # requests that have ended: answered or withdrawn
        self.withdrawn: list[tuple[User, PendingRequest, int]] = []  # and when
        self.joiners: list[tuple[int, list[bool]]] = []

    @initialize(
        maxsize=st.sampled_from([0, 1, 2, 3]), keep=st.booleans(), lease=st.sampled_from([SECOND // 5, 10 * SECOND])
    )
    def open(self, maxsize: int, keep: bool, lease: int) -> None:
        self.maxsize, self.keep, self.lease = maxsize, keep, lease
        for _ in range(CLIENTS):
            self.new_user()

    def new_user(self) -> None:
        client = self.open_client()
        client.subscribe()
        self.users.append(User(client))

    @property
    def waiting(self) -> list[User]:
        return [user for user in self.users if user.request]

    @property
    def idle(self) -> list[User]:
        return [user for user in self.users if not user.request]

    @property
    def consumers(self) -> list[User]:
        return [user for user in self.users if user.taken]

    def call(self, script: Script, user: User, token: bytes, *more: bytes) -> Any:
        """Run a script; any script may find expired leases, and return their items to the front."""
        reply = user.client.run(script.bind(KEYS, 0, self.lease), *(token, *more)[: script.arguments])
        with self.redis.pipeline(transaction=False) as pipe:
            taken, list_on_server = pipe.hgetall(TAKEN).lrange(ITEMS, 0, -1).execute()
        returned = [item for token, item in self.taken.items() if token not in taken]
        self.taken = {token: item for token, item in self.taken.items() if token in taken}
        # A returned item that this very script got again was the first.
        self.items[:0] = sorted(returned, key=lambda item: list_on_server.index(item) if item in list_on_server else -1)
        return reply

    def arguments(self, request: PendingRequest, wait: bool = False) -> tuple[bytes, ...]:
        return request.token, b"%d" % wait, b"%d" % self.maxsize, request.payload

    def send(self, user: User, request: PendingRequest, wait: bool) -> None:
        reply = self.call(request.script, user, *self.arguments(request, wait))
        if isinstance(reply, list):
            now, request.check_at, places, _ = reply
            assert now == self.clock.now
            assert now >= request.granted_until, "notified of a grant that was not there"
            request.check_at += min(places * SECOND // 2, self.lease)
            user.request = request if wait else None
        else:
            user.request, user.last = None, (request, reply)
        if not user.request:
            self.ended_tokens.add(request.token)
        if not isinstance(reply, list):
            if request.script is PUT:
                assert reply == 1
                self.items.append(request.payload)
            else:
                assert reply == self.items.pop(0), "not the first item"
                if self.keep:
                    self.taken[request.token] = reply
                    user.taken.append(request.token)

    @precondition(lambda self: self.idle)
    @rule(index=indexes, wait=st.booleans())
    def put(self, index: int, wait: bool) -> None:
        user = self.idle[index % len(self.idle)]
        self.number += 9  # so that some items are large
        self.send(user, PendingRequest(PUT, user.client.token(), b"%d" % self.number, self.clock.now), wait)

    @precondition(lambda self: self.idle)
    @rule(index=indexes, wait=st.booleans())
    def get(self, index: int, wait: bool) -> None:
        user = self.idle[index % len(self.idle)]
        self.send(user, PendingRequest(GET, user.client.token(), b"%d" % self.keep, self.clock.now), wait)

    @precondition(lambda self: self.waiting)
    @rule(index=indexes, wait=st.booleans())
    def resend(self, index: int, wait: bool) -> None:
        user = self.waiting[index % len(self.waiting)]
        assert user.request
        self.send(user, user.request, wait)

    @property
    def answered(self) -> list[User]:
        return [user for user in self.idle if user.last]

    @precondition(lambda self: self.answered)
    @rule(index=indexes, seconds=st.sampled_from([0, 0, 200]))
    def repeat(self, index: int, seconds: int) -> None:
        """Repeat a request, as after a lost reply."""
        self.advance(seconds * SECOND)
        user = self.answered[index % len(self.answered)]
        assert user.last
        request, reply = user.last
        kept = request.script is GET and self.keep
        if self.clock.now - request.sent_at < RETRY_MINUTES * 60 * SECOND and (not kept or self.is_held(request.token)):
            assert self.call(request.script, user, *self.arguments(request, wait=True)) == reply

    def is_held(self, token: bytes) -> bool:
        permit = self.redis.hget(KEYS[0], token)
        return permit is not None and int(permit.split()[1]) > self.clock.now

    @precondition(lambda self: self.waiting)
    @rule(index=indexes)
    def interrupt_a_wait(self, index: int) -> None:
        user = self.waiting[index % len(self.waiting)]
        request, user.request, user.last = user.request, None, None
        assert request
        self.ended_tokens.add(request.token)
        self.call(RETURN_ITEM if request.script is GET else WITHDRAW_PUT, user, *self.arguments(request))
        self.withdrawn.append((user, request, self.clock.now))

    @precondition(lambda self: self.withdrawn)
    @rule(index=indexes, wait=st.booleans())
    def deliver_late_copy(self, index: int, wait: bool) -> None:
        """A copy of a request arrives after it was withdrawn: nothing changes, see `check_items`."""
        user, request, withdrawn_at = self.withdrawn[index % len(self.withdrawn)]
        if self.clock.now - withdrawn_at < RETRY_MINUTES * 60 * SECOND:
            with contextlib.suppress(redis.ResponseError):  # nobody receives the reply
                self.call(request.script, user, *self.arguments(request, wait))

    @precondition(lambda self: [user for user in self.idle if user.last and user.last[0].script is GET])
    @rule(index=indexes, times=st.integers(1, 2))
    def interrupt_a_get_whose_reply_was_lost(self, index: int, times: int) -> None:
        among = [user for user in self.idle if user.last and user.last[0].script is GET]
        user = among[index % len(among)]
        assert user.last
        request, item = user.last
        if self.clock.now - request.sent_at < RETRY_MINUTES * 60 * SECOND:
            user.last = None
            if request.token in user.taken:
                user.taken.remove(request.token)
            if not self.keep:
                self.items.insert(0, item)
            for _ in range(times):
                self.call(RETURN_ITEM, user, *self.arguments(request))
            self.withdrawn.append((user, request, self.clock.now))

    @precondition(lambda self: self.answered)
    @rule(index=indexes)
    def confirm(self, index: int) -> None:
        user = self.answered[index % len(self.answered)]
        assert user.last
        (request, _), user.last = user.last, None
        user.client.run(CONFIRM_GET.bind(KEYS[5:7]), request.token)

    @precondition(lambda self: self.consumers)
    @rule(index=indexes, item_index=indexes, script=st.sampled_from([TASK_DONE, WITHDRAW_TASK]))
    def task_done(self, index: int, item_index: int, script: Script) -> None:
        user = self.consumers[index % len(self.consumers)]
        token = user.taken.pop(item_index % len(user.taken))
        had = self.taken.pop(token, None)
        repeated = 0 if self.redis.zscore(PERMITS["items"][2], token) is None else -1
        assert self.call(script, user, token) == (1 if had else -1)
        assert self.call(script, user, token) == repeated
        if script is WITHDRAW_TASK:
            self.withdrawn.append((user, PendingRequest(GET, token, b"1", 0), self.clock.now))
        if not self.items and not self.taken:
            for _, woken in self.joiners:
                woken.append(True)

    @precondition(lambda self: self.consumers)
    @rule(index=indexes)
    def renew(self, index: int) -> None:
        user = self.consumers[index % len(self.consumers)]
        token = user.taken[0]
        assert user.client.run(RENEW.bind([*PERMITS["items"], INDEX], 0, self.lease), token) == self.is_held(token)

    @precondition(lambda self: self.keep and (self.items or self.taken))
    @rule()
    def start_joining(self) -> None:
        left, generation = self.read_unfinished()
        assert not left
        self.joiners.append((generation, []))

    def read_unfinished(self) -> tuple[int, int]:
        client = self.users[0].client
        nothing_left, generation = client.run(READ_UNFINISHED.bind([KEYS[0], DONE]), client.token())
        return nothing_left, generation

    @rule(tenths=st.sampled_from([1, 2, 3, 11, 1, 31, 2, 120, 2000]))
    def advance_clock(self, tenths: int) -> None:
        self.advance(tenths * SECOND // 10)

    def advance(self, microseconds: int) -> None:
        self.clock.advance(microseconds)
        for key, moment in self.redis.hgetall(EXPIRIES).items():
            if float(moment) * 1000 <= self.clock.now:
                self.redis.delete(key)
                self.redis.hdel(EXPIRIES, key)

    @rule(index=indexes)
    def kill_user(self, index: int) -> None:
        user = self.users.pop(index % len(self.users))
        user.client.disconnect()
        self.new_user()  # the server confirms its subscription only after it has seen the other client go

    @precondition(lambda self: self.number > 90)
    @rule()
    def lose_data(self) -> None:
        self.redis.flushall()
        self.advance(SECOND)
        self.items.clear()
        self.taken.clear()
        self.joiners.clear()
        self.withdrawn.clear()
        for user in self.users:
            user.last = None
            user.taken.clear()
            if user.request:
                user.request.check_at = user.request.granted_until = 0

    @invariant()
    def check_all(self) -> None:
        if self.users:
            self.receive_messages()
            state = ServerState.read(self.redis)
            self.check_items(state)
            for permits in state.permits.values():
                self.check_permits(permits)
            self.check_joiners()
            self.check_results(state)

    def check_results(self, state: ServerState) -> None:
        """At most one request of each client is kept; a large item only until it was confirmed."""
        clients = [field for field in state.results if b":" not in field]
        assert len(clients) == len(set(clients))
        large = [field for field in state.results if b":" in field]
        unconfirmed = {user.last[0].token.rpartition(b"/")[0] for user in self.users if user.last}
        assert [field for field in large if self.is_alive(field) and field not in unconfirmed] == []

    def is_alive(self, field: bytes) -> bool:
        return any(user.client.channel == b"broker:" + field.rpartition(b":")[0] for user in self.users)

    def receive_messages(self) -> None:
        for user in self.users:
            for message in user.client.messages():
                token, fence, moment = message.split(b" ")
                if user.request and user.request.token == token:
                    if fence == b"0":
                        user.request.check_at = int(moment)
                        assert int(moment) <= self.clock.now + self.lease, "lost data would block the queue for longer"
                    else:
                        user.request.granted_until = int(moment)

    def check_items(self, state: ServerState) -> None:
        assert state.items == self.items
        assert state.taken == self.taken
        items, slots = (state.permits[name].capacity for name in ("items", "slots"))
        if items is not None:
            assert items == len(self.items) + len(self.taken)
        if self.maxsize and slots is not None:
            assert slots == self.maxsize - len(self.items)
        assert state.without_expiry == []

    def check_permits(self, permits: Permits) -> None:
        """No request waits while a permit is free, and one checks when the first lease expires, or within a second."""
        state, queue = permits.state, permits.queue
        expiries = [int(value.split()[1]) for token, value in state.items() if token not in META]
        assert [token for token in (*state, *queue) if token in self.ended_tokens and token not in self.taken] == []
        if queue:
            assert permits.capacity is not None
            assert permits.capacity <= len(expiries)
        checks = {user.request.token: user.request.check_at for user in self.waiting if user.request}
        if queue and expiries and checks.keys() >= set(queue):
            next_check = min(checks[token] for token in queue)
            assert next_check <= max(min(expiries), self.clock.now + SECOND), "a dead holder would block the queue"

    def check_joiners(self) -> None:
        nothing_left, generation = self.read_unfinished()
        assert nothing_left == (not self.items and not self.taken)
        for at_start, woken in self.joiners:
            assert (generation > at_start) == bool(woken), "woken if and only if no item was unfinished"

    @rule()
    def let_all_clients_act(self) -> None:
        """Users act on messages and check when due; in the end none waits although it could go on."""
        deadline = self.clock.now + 3 * self.lease + 10 * SECOND
        while self.waiting and self.clock.now < deadline:
            for user in self.waiting:
                request = user.request
                if request and (request.granted_until > self.clock.now or request.check_at <= self.clock.now):
                    self.send(user, request, wait=True)
                    self.check_all()
            next_check = min((user.request.check_at for user in self.waiting if user.request), default=0)
            self.advance(max(SECOND // 10, next_check - self.clock.now))
        for user in self.waiting:
            assert user.request
            if user.request.script is GET:
                assert not self.items
            else:
                assert len(self.items) >= self.maxsize


@pytest.fixture
def machine(server: PrivateServer) -> type[QueueMachine]:
    return type("Machine", (QueueMachine,), {"url": server.url})


def test_every_item_is_put_and_got_once_in_order(machine: type[QueueMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=40))
