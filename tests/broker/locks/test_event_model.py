"""The scripts of an event against a model: any order of calls, requests that come twice, lost data."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from broker.locks import event
from broker.server.private_server import PrivateServer
from broker.transport.scripts import Script
from tests.support.fake_clock import SECOND, FakeClock, ScriptClient, with_fake_clock

SET, CLEAR, LOOK = map(with_fake_clock, (event.SET, event.CLEAR, event.READ))
KEYS = [b"{test}", b"{test}:done"]
MINUTES = 4  # for which a request may be repeated; no client does for so long


class EventMachine(RuleBasedStateMachine):
    """One client; what counts is which calls were new, and who waited when the flag went up."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.redis = redis.Redis.from_url(self.url)
        self.redis.flushall()
        self.clock = FakeClock(self.redis)
        self.client = ScriptClient(self.url)
        self.flag = False
        self.last = 0
        self.done: list[tuple[int, Script, bytes]] = []
        self.waiting: list[tuple[int, list[bool]]] = []

    def call(self, script: Script, token: bytes) -> object:
        return self.client.run(script.bind(KEYS), token)

    def look(self) -> tuple[bool, int]:
        flag, generation = self.client.run(LOOK.bind(KEYS), self.client.token())
        return bool(flag), generation

    @rule()
    def set(self) -> None:
        token = self.client.token()
        self.call(SET, token)
        self.done.append((self.clock.now, SET, token))
        if not self.flag:
            for _, woken in self.waiting:
                woken.append(True)
        self.flag = True

    @rule()
    def clear(self) -> None:
        token = self.client.token()
        self.call(CLEAR, token)
        self.done.append((self.clock.now, CLEAR, token))
        self.flag = False

    @precondition(lambda self: self.done)
    @rule(which=st.integers(0, 2**16))
    def repeat(self, which: int) -> None:
        _, script, token = self.done[which % len(self.done)]
        self.call(script, token)

    @precondition(lambda self: not self.flag)
    @rule()
    def begin_to_wait(self) -> None:
        self.waiting.append((self.look()[1], []))

    @rule(seconds=st.sampled_from([1, 40, 200]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds * SECOND)
        self.done = [call for call in self.done if self.clock.now - call[0] < MINUTES * 60 * SECOND]

    @precondition(lambda self: self.done)
    @rule()
    def lose_data(self) -> None:
        self.redis.flushall()
        self.clock.advance(SECOND)
        self.flag = False
        self.done.clear()
        self.waiting.clear()

    @rule()
    def all_see_what_happened(self) -> None:
        flag, generation = self.look()
        assert flag == self.flag
        for began, woken in self.waiting:
            assert (generation > began) == bool(woken), "woken if and only if it was set since"
        if generation:
            assert generation >= self.last, "a generation that fell"
            self.last = generation
        assert [key for key in KEYS if self.redis.exists(key) and self.redis.pttl(key) < 0] == []

    def teardown(self) -> None:
        self.all_see_what_happened()
        self.client.disconnect()
        self.redis.close()


@pytest.fixture
def machine(server: PrivateServer) -> type[EventMachine]:
    return type("Machine", (EventMachine,), {"url": server.url})


def test_the_scripts_do_what_the_model_does(machine: type[EventMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=30))
