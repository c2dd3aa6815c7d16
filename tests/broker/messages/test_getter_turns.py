"""Corners of a getter's turn that chance seldom finds, on a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from broker.messages import items, queues
from broker.server.private_server import PrivateServer
from broker.transport.scripts import Script
from tests.support.fake_clock import SECOND, ScriptHarness, with_fake_clock

PUT, GET, UNGET, DONE = map(with_fake_clock, (items.PUT, items.GET, items.RETURN_ITEM, queues.TASK_DONE))
KEYS = [b"{test}%d" % number for number in range(1, 12)]
LEASE = 10 * SECOND
NOW, QUEUE = b"0", b"1"
UNLIMITED, KEEP = b"0", b"1"


class Queue(ScriptHarness):
    """A joinable queue, and clients that each have one request."""

    def run(self, who: int, script: Script, *arguments: bytes) -> Any:
        return self.clients[who].run(script.bind(KEYS, 0, LEASE), self.tokens[who], *arguments)

    def get(self, who: int, wait: bytes = QUEUE) -> Any:
        return self.run(who, GET, wait, UNLIMITED, KEEP)

    def put(self, item: bytes) -> None:
        client = self.clients[-1]
        assert client.run(PUT.bind(KEYS, 0, LEASE), client.token(), NOW, UNLIMITED, item) == 1

    def told(self, who: int) -> list[tuple[bool, int]]:
        """Whether its turn has come, or else only when to look, and until or at what moment."""
        words = [message.split() for message in self.clients[who].messages()]
        return [(fence != b"0", int(moment)) for token, fence, moment in words if token == self.tokens[who]]


@pytest.fixture
def stage(server: PrivateServer, client: redis.Redis) -> Iterator[Queue]:
    built = Queue(server.url, client)
    yield built
    built.close()


def test_an_item_is_reserved_for_a_second(stage: Queue) -> None:
    stage.get(0)
    stage.put(b"x")
    assert stage.told(0) == [(True, stage.clock.now + SECOND)]
    stage.clock.advance(SECOND - 1)
    assert isinstance(stage.get(1, NOW), list), "it is another's"
    assert stage.get(0) == b"x"


def test_the_next_looks_when_the_first_has_not_fetched(stage: Queue) -> None:
    stage.get(0)
    stage.get(1)
    stage.put(b"x")
    assert stage.told(1) == [(False, stage.clock.now + SECOND)]
    stage.clock.advance(SECOND)
    assert stage.get(1) == b"x"
    assert isinstance(stage.get(0), list), "it waits anew"
    stage.put(b"y")
    assert stage.told(0)[-1][0] is True


def test_a_task_that_is_back_goes_to_who_waits_and_looks(stage: Queue) -> None:
    stage.put(b"x")
    assert stage.get(0) == b"x"
    _, look, _ = stage.get(1)
    assert look == stage.clock.now + LEASE
    stage.clock.advance(LEASE)
    assert stage.get(1) == b"x"
    assert stage.run(0, DONE) == -1
    assert stage.run(1, DONE) == 1


def test_done_said_again_is_no_loss_although_an_earlier_turn_was_missed(stage: Queue) -> None:
    stage.get(0)
    stage.put(b"x")
    stage.clock.advance(SECOND)
    assert stage.get(1) == b"x", "the first was asleep"
    stage.put(b"y")
    assert stage.get(0) == b"y"
    assert stage.run(0, DONE) == 1
    assert stage.run(0, DONE) == 0, "sent again because the reply was lost"


def test_a_get_taken_back_gives_the_item_to_who_waits(stage: Queue) -> None:
    stage.put(b"x")
    assert stage.get(0) == b"x"
    stage.get(1)
    stage.run(0, UNGET, NOW, UNLIMITED, KEEP)
    assert stage.told(1)[-1][0] is True
    assert stage.get(1) == b"x"


def test_a_turn_given_back_is_the_next_ones_at_once(stage: Queue) -> None:
    stage.get(0)
    stage.get(1)
    stage.put(b"x")
    stage.run(0, UNGET, NOW, UNLIMITED, KEEP)
    assert stage.told(1)[-1][0] is True
    assert stage.get(1) == b"x"
