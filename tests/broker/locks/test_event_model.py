"""The scripts of an event match a model: any order of calls, repeated requests, data loss."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from broker.locks import event
from broker.server.private_server import PrivateServer
from broker.transport.scripts import Script
from tests.support.fake_clock import SECOND, with_fake_clock
from tests.support.script_machine import ScriptMachine

SET, CLEAR, READ, WAIT, READ_WAITERS = map(
    with_fake_clock, (event.SET, event.CLEAR, event.READ, event.WAIT, event.READ_WAITERS)
)
KEYS = [b"{test}", b"{test}:done", b"{test}:waiters", b"{test}:index"]
FORGET_SECONDS = 15  # after which a waiter is not listed, unless it has registered again
RETRY_MINUTES = 4  # a request is recognized as repeated for at least this long; clients give up earlier


class EventMachine(ScriptMachine):
    """One client; a repeated call must change nothing, and a set() must wake all who were waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.client = self.open_client()
        self.flag = False
        self.last_generation = 0
        self.calls: list[tuple[int, Script, bytes]] = []
        self.waiting: list[tuple[int, list[bool]]] = []
        self.registered: dict[bytes, tuple[int, bytes, int]] = {}  # by token: generation, since, when it did so last

    def call(self, script: Script, token: bytes) -> object:
        return self.client.run(script.bind(KEYS), token)

    def read(self) -> tuple[bool, int]:
        flag, generation = self.client.run(READ.bind(KEYS), self.client.token())
        return bool(flag), generation

    @rule()
    def set(self) -> None:
        token = self.client.token()
        self.call(SET, token)
        self.calls.append((self.clock.now, SET, token))
        if not self.flag:
            for _, woken in self.waiting:
                woken.append(True)
        self.flag = True

    @rule()
    def clear(self) -> None:
        token = self.client.token()
        self.call(CLEAR, token)
        self.calls.append((self.clock.now, CLEAR, token))
        self.flag = False

    @precondition(lambda self: self.calls)
    @rule(index=st.integers(0, 2**16))
    def repeat(self, index: int) -> None:
        _, script, token = self.calls[index % len(self.calls)]
        self.call(script, token)

    @precondition(lambda self: not self.flag)
    @rule()
    def start_waiting(self) -> None:
        self.waiting.append((self.read()[1], []))

    @precondition(lambda self: not self.flag)
    @rule(again=st.booleans())
    def register(self, again: bool) -> None:
        """A thread that has waited for a second registers; one that is registered does so again."""
        listed = list(self.listed())
        token = listed[0] if again and listed else self.client.token()
        generation, since, _ = self.registered.get(token, (self.read()[1], b"", 0))
        reply = self.client.run(WAIT.bind(KEYS), token, b"%d" % generation, b"%d" % SECOND, since, b"0")
        assert (bool(reply[0]), reply[1]) == self.read()
        assert reply[2] == (since or b"%d" % (self.clock.now - SECOND))
        self.registered[token] = generation, reply[2], self.clock.now

    @precondition(lambda self: self.listed())
    @rule()
    def give_up(self) -> None:
        token = next(iter(self.listed()))
        generation, since, _ = self.registered.pop(token)
        self.client.run(WAIT.bind(KEYS), token, b"%d" % generation, b"%d" % SECOND, since, b"1")

    def listed(self) -> dict[bytes, bytes]:
        """Return since when those have waited who are to be listed, by their tokens."""
        generation, first = self.read()[1], self.clock.now - FORGET_SECONDS * SECOND
        return {
            token: since
            for token, (began, since, seen) in self.registered.items()
            if began == generation and seen >= first and not self.flag
        }

    @rule(seconds=st.sampled_from([1, 40, 200]))
    def advance_clock(self, seconds: int) -> None:
        self.clock.advance(seconds * SECOND)
        self.calls = [call for call in self.calls if self.clock.now - call[0] < RETRY_MINUTES * 60 * SECOND]

    @precondition(lambda self: self.calls)
    @rule()
    def lose_data(self) -> None:
        self.redis.flushall()
        self.clock.advance(SECOND)
        self.flag = False
        self.calls.clear()
        self.waiting.clear()
        self.registered.clear()

    @rule()
    def check_state(self) -> None:
        flag, generation = self.read()
        assert flag == self.flag
        for at_start, woken in self.waiting:
            assert (generation > at_start) == bool(woken), "woken if and only if the flag was set since the wait began"
        if generation:
            assert generation >= self.last_generation, "the generation is lower than an earlier one"
            self.last_generation = generation
        fields = self.client.run(READ_WAITERS.bind(KEYS), self.client.token())
        assert dict(zip(fields[::2], fields[1::2], strict=True)) == self.listed()
        assert [key for key in KEYS if self.redis.exists(key) and self.redis.pttl(key) < 0] == []

    def teardown(self) -> None:
        self.check_state()
        super().teardown()


@pytest.fixture
def machine(server: PrivateServer) -> type[EventMachine]:
    return type("Machine", (EventMachine,), {"url": server.url})


def test_scripts_match_model(machine: type[EventMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=30))
