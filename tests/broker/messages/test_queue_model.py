"""The scripts of a queue in any order: requests that come twice, dead waiters, lost leases, lost data.

Every item is put once and got once, in the order of the puts, and nobody waits for what is there.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, field
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

from broker.engine.shared_scripts import RELEASE, RENEW
from broker.messages.items import GET, PUT, RETURN_ITEM
from broker.messages.queues import READ_UNFINISHED, TASK_DONE
from broker.server.private_server import PrivateServer
from broker.transport.scripts import Script
from tests.support.fake_clock import SECOND, FakeClock, ScriptClient, with_fake_clock

KEYS = [b"{test}%d" % number for number in range(1, 12)]
ITEMS, TAKEN, DONE = KEYS[3], KEYS[4], KEYS[10]
PERMITS = {"items": KEYS[:3], "slots": KEYS[7:10]}
ENDS = b"{test}ends"  # when the records of past requests expire, on the test's clock
META = {b"start", b"capacity", b"fence", b"ticket", b"look", b"touched"}
MINUTES = 4  # for which a request may be repeated; no client does for so long
CLIENTS = 4
someone = st.integers(0, 2**16)


def on_this_clock(original: Script) -> Script:
    """Return the script with its time from a key, also where something is to expire at a moment of that time."""
    script = copy.copy(with_fake_clock(original))
    script.text = script.text.replace(b"redis.call('PEXPIREAT', PAST,", b"redis.call('HSET', '%b', PAST," % ENDS)
    script.sha = hashlib.sha1(script.text, usedforsecurity=False).hexdigest().encode()
    return script


PUT, GET, UNGET, FINISH, IDLE, RENEW, RELEASE = map(
    on_this_clock,
    (PUT, GET, RETURN_ITEM, TASK_DONE, READ_UNFINISHED, RENEW, RELEASE),
)


@dataclass
class Wish:
    """What a client asks for, one thing at a time."""

    script: Script
    token: bytes
    what: bytes  # the item to put; of a get, whether it is kept under a lease
    asked: int
    look_at: int = 0
    promised_until: int = 0  # when the permit of which it was told is another's again


@dataclass
class Person:
    """A client, what it waits for, what it had last, and what it has not said to be done."""

    client: ScriptClient
    wish: Wish | None = None
    last: tuple[Wish, Any] | None = None
    taken: list[bytes] = field(default_factory=list)


class QueueMachine(RuleBasedStateMachine):
    """People that put, get, wait, lose replies, stop and die."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.redis = redis.Redis.from_url(self.url)
        self.redis.flushall()
        self.clock = FakeClock(self.redis)
        self.people: list[Person] = []
        self.everybody: list[ScriptClient] = []
        self.number = 0
        self.inside: list[bytes] = []
        self.out: dict[bytes, bytes] = {}
        self.over: set[bytes] = set()  # requests that were answered or taken back
        self.joining: list[tuple[int, list[bool]]] = []

    @initialize(
        maxsize=st.sampled_from([0, 1, 2, 3]), keep=st.booleans(), lease=st.sampled_from([SECOND // 5, 10 * SECOND])
    )
    def open(self, maxsize: int, keep: bool, lease: int) -> None:
        self.maxsize, self.keep, self.lease = maxsize, keep, lease
        for _ in range(CLIENTS):
            self.new_person()

    def new_person(self) -> None:
        client = ScriptClient(self.url)
        client.subscribe()
        self.people.append(Person(client))
        self.everybody.append(client)

    @property
    def waiting(self) -> list[Person]:
        return [person for person in self.people if person.wish]

    @property
    def idle(self) -> list[Person]:
        return [person for person in self.people if not person.wish]

    @property
    def busy(self) -> list[Person]:
        return [person for person in self.people if person.taken]

    def call(self, script: Script, person: Person, token: bytes, *more: bytes) -> Any:
        """Run a script; whatever it is, it may find that leases have ended, whose items are then at the front."""
        reply = person.client.run(script.bind(KEYS, 0, self.lease), *(token, *more)[: script.arguments])
        taken, listed = self.redis.hgetall(TAKEN), self.redis.lrange(ITEMS, 0, -1)
        back = [item for token, item in self.out.items() if token not in taken]
        self.out = {token: item for token, item in self.out.items() if token in taken}
        # What was got anew by this very script was the first of them.
        self.inside[:0] = sorted(back, key=lambda item: listed.index(item) if item in listed else -1)
        return reply

    def arguments(self, wish: Wish, wait: bool = False) -> tuple[bytes, ...]:
        return wish.token, b"%d" % wait, b"%d" % self.maxsize, wish.what

    def ask(self, person: Person, wish: Wish, wait: bool) -> None:
        reply = self.call(wish.script, person, *self.arguments(wish, wait))
        if isinstance(reply, list):
            now, wish.look_at, rank = reply
            assert now == self.clock.now
            assert now >= wish.promised_until, "told that its turn had come, and then it had not"
            wish.look_at += min(rank * SECOND // 2, self.lease)
            person.wish = wish if wait else None
        else:
            person.wish, person.last = None, (wish, reply)
        if not person.wish:
            self.over.add(wish.token)
        if not isinstance(reply, list):
            if wish.script is PUT:
                assert reply == 1
                self.inside.append(wish.what)
            else:
                assert reply == self.inside.pop(0), "not the first"
                if self.keep:
                    self.out[wish.token] = reply
                    person.taken.append(wish.token)

    @precondition(lambda self: self.idle)
    @rule(who=someone, wait=st.booleans())
    def put(self, who: int, wait: bool) -> None:
        person = self.idle[who % len(self.idle)]
        self.number += 1
        self.ask(person, Wish(PUT, person.client.token(), b"%d" % self.number, self.clock.now), wait)

    @precondition(lambda self: self.idle)
    @rule(who=someone, wait=st.booleans())
    def get(self, who: int, wait: bool) -> None:
        person = self.idle[who % len(self.idle)]
        self.ask(person, Wish(GET, person.client.token(), b"%d" % self.keep, self.clock.now), wait)

    @precondition(lambda self: self.waiting)
    @rule(who=someone, wait=st.booleans())
    def ask_again(self, who: int, wait: bool) -> None:
        person = self.waiting[who % len(self.waiting)]
        assert person.wish
        self.ask(person, person.wish, wait)

    @property
    def answered(self) -> list[Person]:
        return [person for person in self.idle if person.last]

    @precondition(lambda self: self.answered)
    @rule(who=someone, seconds=st.sampled_from([0, 0, 200]))
    def repeat(self, who: int, seconds: int) -> None:
        """The reply was lost, and the same request comes once more."""
        self.advance(seconds * SECOND)
        person = self.answered[who % len(self.answered)]
        assert person.last
        wish, reply = person.last
        kept = wish.script is GET and self.keep
        if self.clock.now - wish.asked < MINUTES * 60 * SECOND and (not kept or wish.token in self.out):
            assert self.call(wish.script, person, *self.arguments(wish, wait=True)) == reply

    @precondition(lambda self: self.waiting)
    @rule(who=someone)
    def interrupt_a_wait(self, who: int) -> None:
        person = self.waiting[who % len(self.waiting)]
        wish, person.wish = person.wish, None
        assert wish
        self.over.add(wish.token)
        if wish.script is GET:
            self.call(UNGET, person, *self.arguments(wish))
        else:
            person.client.run(RELEASE.bind(PERMITS["slots"], self.maxsize, self.lease), wish.token)

    @precondition(lambda self: [person for person in self.idle if person.last and person.last[0].script is GET])
    @rule(who=someone, times=st.integers(1, 2))
    def interrupt_a_get_whose_reply_was_lost(self, who: int, times: int) -> None:
        among = [person for person in self.idle if person.last and person.last[0].script is GET]
        person = among[who % len(among)]
        assert person.last
        (wish, item), person.last = person.last, None
        if self.clock.now - wish.asked < MINUTES * 60 * SECOND:
            if wish.token in person.taken:
                person.taken.remove(wish.token)
            if not self.keep:
                self.inside.insert(0, item)
            for _ in range(times):
                self.call(UNGET, person, *self.arguments(wish))

    @precondition(lambda self: self.busy)
    @rule(who=someone, which=someone)
    def finish(self, who: int, which: int) -> None:
        person = self.busy[who % len(self.busy)]
        token = person.taken.pop(which % len(person.taken))
        had = self.out.pop(token, None)
        again = 0 if self.redis.zscore(PERMITS["items"][2], token) is None else -1
        assert self.call(FINISH, person, token) == (1 if had else -1)
        assert self.call(FINISH, person, token) == again
        if not self.inside and not self.out:
            for _, told in self.joining:
                told.append(True)

    @precondition(lambda self: self.busy)
    @rule(who=someone)
    def renew(self, who: int) -> None:
        person = self.busy[who % len(self.busy)]
        token = person.taken[0]
        assert person.client.run(RENEW.bind(PERMITS["items"], 0, self.lease), token) == (token in self.out)

    @precondition(lambda self: self.keep and (self.inside or self.out))
    @rule()
    def begin_to_join(self) -> None:
        left, generation = self.look()
        assert not left
        self.joining.append((generation, []))

    def look(self) -> tuple[int, int]:
        client = self.people[0].client
        nothing_left, generation = client.run(IDLE.bind([KEYS[0], DONE]), client.token())
        return nothing_left, generation

    @rule(tenths=st.sampled_from([1, 2, 3, 11, 1, 31, 2, 120, 2000]))
    def time_passes(self, tenths: int) -> None:
        self.advance(tenths * SECOND // 10)

    def advance(self, microseconds: int) -> None:
        self.clock.advance(microseconds)
        for key, moment in self.redis.hgetall(ENDS).items():
            if float(moment) * 1000 <= self.clock.now:
                self.redis.delete(key)
                self.redis.hdel(ENDS, key)

    @rule(who=someone)
    def die(self, who: int) -> None:
        person = self.people.pop(who % len(self.people))
        person.client.disconnect()
        self.new_person()  # whose subscription the server confirms only after it has seen the other go

    @precondition(lambda self: self.number > 10)
    @rule()
    def lose_data(self) -> None:
        self.redis.flushall()
        self.advance(SECOND)
        self.inside.clear()
        self.out.clear()
        self.joining.clear()
        for person in self.people:
            person.last = None
            person.taken.clear()
            if person.wish:
                person.wish.look_at = person.wish.promised_until = 0

    @invariant()
    def all_is_well(self) -> None:
        if self.people:
            self.hear_messages()
            self.check_items()
            for permits in PERMITS.values():
                self.check_permits(permits)
            self.check_who_joins()

    def hear_messages(self) -> None:
        for person in self.people:
            for message in person.client.messages():
                token, fence, moment = message.split(b" ")
                if person.wish and person.wish.token == token:
                    if fence == b"0":
                        person.wish.look_at = int(moment)
                    else:
                        person.wish.promised_until = int(moment)

    def check_items(self) -> None:
        assert self.redis.lrange(ITEMS, 0, -1) == self.inside
        assert self.redis.hgetall(TAKEN) == self.out
        capacities = [self.redis.hget(keys[0], "capacity") for keys in PERMITS.values()]
        if capacities[0] is not None:
            assert int(capacities[0]) == len(self.inside) + len(self.out)
        if self.maxsize and capacities[1] is not None:
            assert int(capacities[1]) == self.maxsize - len(self.inside)
        keys = [key for key in KEYS if self.redis.exists(key)]
        assert [key for key in keys if self.redis.pttl(key) < 0 and not self.redis.hexists(ENDS, key)] == []

    def check_permits(self, keys: list[bytes]) -> None:
        """Nobody waits while a permit is free, and the first who waits looks when the first lease ends."""
        state, queue = self.redis.hgetall(keys[0]), self.redis.zrange(keys[1], 0, -1)
        ends = [int(value.split()[1]) for token, value in state.items() if token not in META]
        assert [token for token in (*state, *queue) if token in self.over and token not in self.out] == []
        if queue:
            assert int(state[b"capacity"]) <= len(ends)
        for person in self.waiting:
            if person.wish and queue and queue[0] == person.wish.token:
                assert not ends or person.wish.look_at <= min(ends), "a dead one would keep the queue waiting"

    def check_who_joins(self) -> None:
        nothing_left, generation = self.look()
        assert nothing_left == (not self.inside and not self.out)
        for began, told in self.joining:
            assert (generation > began) == bool(told), "told if and only if nothing was left to do"

    @rule()
    def let_everybody_act(self) -> None:
        """The living do what they are told, and look when they should; then nobody waits for what is there."""
        ends = self.clock.now + 3 * self.lease + 10 * SECOND
        while self.waiting and self.clock.now < ends:
            for person in self.waiting:
                wish = person.wish
                if wish and (wish.promised_until > self.clock.now or wish.look_at <= self.clock.now):
                    self.ask(person, wish, wait=True)
                    self.all_is_well()
            self.advance(SECOND // 10)
        for person in self.waiting:
            assert person.wish
            if person.wish.script is GET:
                assert not self.inside
            else:
                assert len(self.inside) >= self.maxsize

    def teardown(self) -> None:
        for client in self.everybody:  # the requests of the dead may have opened sockets again
            client.disconnect()
        self.redis.close()
        self.redis.connection_pool.disconnect()


@pytest.fixture
def machine(server: PrivateServer) -> type[QueueMachine]:
    return type("Machine", (QueueMachine,), {"url": server.url})


def test_the_scripts_keep_the_order_and_every_item(machine: type[QueueMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=40))
