"""Corners of granting that chance seldom finds, on a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from broker.engine import shared_scripts
from broker.locks import permits
from broker.server.private_server import PrivateServer
from broker.transport.scripts import Script
from tests.support.fake_clock import SECOND, ScriptHarness, with_fake_clock

ACQUIRE, RELEASE, RENEW = map(with_fake_clock, (permits.ACQUIRE, shared_scripts.RELEASE, shared_scripts.RENEW))
KEYS = [b"{test}", b"{test}:queue", b"{test}:ended"]
LEASE = 10 * SECOND
TAKE, QUEUE = b"0", b"1"


class Semaphore(ScriptHarness):
    """A semaphore, and clients that each have one request."""

    def run(self, who: int, script: Script, permits: int, *arguments: bytes, lease: int = LEASE) -> Any:
        return self.clients[who].run(script.bind(KEYS, permits, lease), self.tokens[who], *arguments)

    def granted(self, who: int) -> list[tuple[int, int]]:
        """The fences, and the ends of probation, that somebody was told."""
        words = [message.split() for message in self.clients[who].messages()]
        return [(int(fence), int(end)) for token, fence, end in words if token == self.tokens[who] and fence != b"0"]

    def told_to_look(self, who: int) -> list[int]:
        return [int(end) for _, fence, end in map(bytes.split, self.clients[who].messages()) if fence == b"0"]


@pytest.fixture
def stage(server: PrivateServer, client: redis.Redis) -> Iterator[Semaphore]:
    built = Semaphore(server.url, client)
    yield built
    built.close()


def test_permits_that_come_back_together_have_fences_of_their_own(stage: Semaphore) -> None:
    for who in (0, 1):
        stage.run(who, ACQUIRE, 2, TAKE)
    for who in (2, 3):
        stage.run(who, ACQUIRE, 2, QUEUE)
    stage.clock.advance(LEASE)
    third = stage.run(2, ACQUIRE, 2, QUEUE)
    [(fourth, _)] = stage.granted(3)
    assert fourth > third


def test_a_grant_asked_for_again_is_the_same_grant(stage: Semaphore) -> None:
    fence = stage.run(0, ACQUIRE, 2, TAKE)
    stage.clock.advance(SECOND)
    assert stage.run(0, ACQUIRE, 2, QUEUE) == fence
    assert isinstance(stage.run(1, ACQUIRE, 2, TAKE), int), "one permit of two is left"
    assert not isinstance(stage.run(2, ACQUIRE, 2, TAKE), int)


def test_a_waiter_that_does_not_answer_is_passed_over_after_a_second(stage: Semaphore) -> None:
    stage.run(0, ACQUIRE, 1, TAKE)
    for who in (1, 2):
        stage.run(who, ACQUIRE, 1, QUEUE)
    stage.run(0, RELEASE, 1)
    [(_, ends)] = stage.granted(1)
    assert ends == stage.clock.now + SECOND
    assert stage.told_to_look(2) == [ends], "the next one watches over it"
    stage.clock.advance(SECOND)
    assert isinstance(stage.run(2, ACQUIRE, 1, QUEUE), int)
    assert stage.run(1, RENEW, 1) == 0


def test_an_answer_makes_the_lease_whole(stage: Semaphore) -> None:
    stage.run(0, ACQUIRE, 1, TAKE)
    for who in (1, 2):
        stage.run(who, ACQUIRE, 1, QUEUE)
    stage.run(0, RELEASE, 1)
    assert stage.run(1, RENEW, 1) == 1
    stage.clock.advance(LEASE - 1)
    assert not isinstance(stage.run(2, ACQUIRE, 1, QUEUE), int)
    stage.clock.advance(1)
    assert isinstance(stage.run(2, ACQUIRE, 1, QUEUE), int)


def test_a_short_lease_does_not_end_before_the_others_look(stage: Semaphore, client: redis.Redis) -> None:
    stage.run(0, ACQUIRE, 1, TAKE)
    for who in (1, 2):
        stage.run(who, ACQUIRE, 1, QUEUE)
    stage.run(0, RELEASE, 1)
    [looks] = stage.told_to_look(2)
    stage.run(1, RENEW, 1, lease=SECOND // 5)
    _, ends = client.hget(KEYS[0], stage.tokens[1]).split()
    assert int(ends) == looks


def test_the_next_is_told_when_the_head_leaves(stage: Semaphore) -> None:
    stage.run(0, ACQUIRE, 1, TAKE)
    ends = stage.clock.now + LEASE
    for who in (1, 2):
        stage.run(who, ACQUIRE, 1, QUEUE)
    stage.run(1, RELEASE, 1)
    assert stage.told_to_look(2) == [ends]


def test_fences_outlive_the_data_they_were_counted_in(stage: Semaphore, client: redis.Redis) -> None:
    first = stage.run(0, ACQUIRE, 1, TAKE)
    client.flushall()
    stage.clock.advance(1)
    assert stage.run(1, ACQUIRE, 1, TAKE) > first
