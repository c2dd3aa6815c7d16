"""Edge cases of granting permits that the model test rarely reaches, with a fake clock."""

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
KEYS = [b"{test}", b"{test}:queue", b"{test}:ended", b"{test}:index"]
LEASE = 10 * SECOND
NOW, WAIT = b"0", b"1"


class SemaphoreHarness(ScriptHarness):
    """The scripts of a semaphore, and clients that each send one request."""

    def run(self, number: int, script: Script, permits: int, *arguments: bytes, lease: int = LEASE) -> Any:
        return self.clients[number].run(script.bind(KEYS, permits, lease), self.tokens[number], *arguments)

    def grants(self, number: int) -> list[tuple[int, int]]:
        """Return the fence of each grant that a client was notified of, and when it must be acknowledged."""
        words = [message.split() for message in self.clients[number].messages()]
        return [(int(fence), int(end)) for token, fence, end in words if token == self.tokens[number] and fence != b"0"]

    def check_times(self, number: int) -> list[int]:
        """Return when a client was told to check whether a lease has expired."""
        return [int(end) for _, fence, end in map(bytes.split, self.clients[number].messages()) if fence == b"0"]


@pytest.fixture
def semaphore(server: PrivateServer, client: redis.Redis) -> Iterator[SemaphoreHarness]:
    harness = SemaphoreHarness(server.url, client)
    yield harness
    harness.close()


def test_permits_that_expire_together_get_different_fences(semaphore: SemaphoreHarness) -> None:
    for number in (0, 1):
        semaphore.run(number, ACQUIRE, 2, NOW)
    for number in (2, 3):
        semaphore.run(number, ACQUIRE, 2, WAIT)
    semaphore.clock.advance(LEASE)
    third = semaphore.run(2, ACQUIRE, 2, WAIT)
    [(fourth, _)] = semaphore.grants(3)
    assert fourth > third


def test_repeated_request_returns_the_same_grant(semaphore: SemaphoreHarness) -> None:
    fence = semaphore.run(0, ACQUIRE, 2, NOW)
    semaphore.clock.advance(SECOND)
    assert semaphore.run(0, ACQUIRE, 2, WAIT) == fence
    assert isinstance(semaphore.run(1, ACQUIRE, 2, NOW), int), "one permit of two is left"
    assert not isinstance(semaphore.run(2, ACQUIRE, 2, NOW), int)


def test_grant_moves_on_if_not_acknowledged_within_a_second(semaphore: SemaphoreHarness) -> None:
    semaphore.run(0, ACQUIRE, 1, NOW)
    for number in (1, 2):
        semaphore.run(number, ACQUIRE, 1, WAIT)
    semaphore.run(0, RELEASE, 1)
    [(_, expiry)] = semaphore.grants(1)
    assert expiry == semaphore.clock.now + SECOND
    assert semaphore.check_times(2) == [expiry], "the next one checks then"
    semaphore.clock.advance(SECOND)
    assert isinstance(semaphore.run(2, ACQUIRE, 1, WAIT), int)
    assert semaphore.run(1, RENEW, 1) == 0


def test_acknowledging_a_grant_starts_its_full_lease(semaphore: SemaphoreHarness) -> None:
    semaphore.run(0, ACQUIRE, 1, NOW)
    for number in (1, 2):
        semaphore.run(number, ACQUIRE, 1, WAIT)
    semaphore.run(0, RELEASE, 1)
    assert semaphore.run(1, RENEW, 1) == 1
    semaphore.clock.advance(LEASE - 1)
    assert not isinstance(semaphore.run(2, ACQUIRE, 1, WAIT), int)
    semaphore.clock.advance(1)
    assert isinstance(semaphore.run(2, ACQUIRE, 1, WAIT), int)


def test_acknowledging_never_shortens_a_lease(semaphore: SemaphoreHarness, client: redis.Redis) -> None:
    semaphore.run(0, ACQUIRE, 1, NOW)
    for number in (1, 2):
        semaphore.run(number, ACQUIRE, 1, WAIT)
    semaphore.run(0, RELEASE, 1)
    [check_time] = semaphore.check_times(2)
    semaphore.run(1, RENEW, 1, lease=SECOND // 5)
    _, expiry = client.hget(KEYS[0], semaphore.tokens[1]).split()
    assert int(expiry) == check_time


def test_next_waiter_is_told_when_to_check_when_the_head_leaves(semaphore: SemaphoreHarness) -> None:
    semaphore.run(0, ACQUIRE, 1, NOW)
    expiry = semaphore.clock.now + LEASE
    for number in (1, 2):
        semaphore.run(number, ACQUIRE, 1, WAIT)
    semaphore.run(1, RELEASE, 1)
    assert semaphore.check_times(2) == [expiry]


def test_fences_rise_across_data_loss(semaphore: SemaphoreHarness, client: redis.Redis) -> None:
    first = semaphore.run(0, ACQUIRE, 1, NOW)
    client.flushall()
    semaphore.clock.advance(1)
    assert semaphore.run(1, ACQUIRE, 1, NOW) > first
