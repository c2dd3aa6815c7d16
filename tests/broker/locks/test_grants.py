"""Edge cases of granting permits that the model test rarely reaches, with a fake clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from broker.engine import shared_scripts
from broker.locks import permits
from broker.server.private_server import PrivateServer
from broker.transport.scripts import Script
from tests.support.fake_clock import SECOND, ScriptHarness, with_fake_clock

ACQUIRE, RELEASE, WITHDRAW, RENEW, RAISE_FENCE = map(
    with_fake_clock,
    (permits.ACQUIRE, shared_scripts.RELEASE, shared_scripts.WITHDRAW, shared_scripts.RENEW, permits.RAISE_FENCE),
)
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
    _, expiry, _ = client.hget(KEYS[0], semaphore.tokens[1]).split()
    assert int(expiry) == check_time


def test_hand_off_wakes_nobody_else_if_a_waiter_checks_soon(semaphore: SemaphoreHarness) -> None:
    semaphore.run(0, ACQUIRE, 1, NOW)
    for number in (1, 2, 3):
        semaphore.clock.advance(SECOND // 100)
        _, look, _, _ = semaphore.run(number, ACQUIRE, 1, WAIT)
    assert look == semaphore.clock.now + SECOND
    semaphore.run(0, RELEASE, 1)
    [(_, expiry)] = semaphore.grants(1)
    assert semaphore.check_times(2) == semaphore.check_times(3) == []
    semaphore.clock.advance(SECOND - 1)
    semaphore.run(3, ACQUIRE, 1, WAIT)
    assert semaphore.check_times(2) == [expiry], "the head checks from now on"
    semaphore.clock.advance(1)
    assert isinstance(semaphore.run(2, ACQUIRE, 1, WAIT), int)


def test_few_of_many_waiters_check_soon(semaphore: SemaphoreHarness) -> None:
    semaphore.run(0, ACQUIRE, 1, NOW)
    for number in (1, 2):
        semaphore.run(number, ACQUIRE, 1, WAIT)
    semaphore.clock.advance(SECOND)
    semaphore.run(0, RELEASE, 1)
    looks = []
    for number in (3, 0):
        looks.append(semaphore.run(number, ACQUIRE, 1, WAIT)[1] - semaphore.clock.now)
        semaphore.clock.advance(SECOND // 16 + 1)
    semaphore.clock.advance(SECOND // 16)
    semaphore.run(1, RELEASE, 1)
    looks.append(semaphore.run(1, ACQUIRE, 1, WAIT)[1] - semaphore.clock.now)
    assert looks[0] == SECOND
    assert looks[1] > SECOND + LEASE // 2, "it has joined less than an eighth of the last wait later"
    assert looks[2] <= SECOND


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


@pytest.mark.parametrize("sent", [NOW, WAIT])
@pytest.mark.parametrize("deleted", [False, True])
def test_late_copy_of_a_request_that_was_withdrawn_takes_nothing(
    semaphore: SemaphoreHarness, client: redis.Redis, sent: bytes, deleted: bool
) -> None:
    semaphore.run(0, ACQUIRE, 1, NOW)
    if deleted:
        client.delete(*KEYS)
    assert semaphore.run(0, WITHDRAW, 1) == (0 if deleted else 1)
    semaphore.run(1, ACQUIRE, 1, NOW)
    semaphore.run(1, RELEASE, 1)
    with pytest.raises(redis.ResponseError, match="WITHDRAWN"):
        semaphore.run(0, ACQUIRE, 1, sent)
    assert isinstance(semaphore.run(2, ACQUIRE, 1, NOW), int), "the permit is free"


def test_requests_are_served_as_before_when_no_copy_can_arrive_any_more(
    semaphore: SemaphoreHarness, client: redis.Redis
) -> None:
    semaphore.run(0, ACQUIRE, 1, NOW)
    semaphore.run(0, WITHDRAW, 1)
    semaphore.clock.advance(301 * SECOND)
    state = client.hgetall(KEYS[0])
    semaphore.run(1, ACQUIRE, 1, NOW)
    assert client.hget(KEYS[0], "touched") == state[b"touched"], "the permit was granted without further checks"
    assert 0 < client.pttl(KEYS[2]) <= 300_000


def test_lease_that_has_expired_is_not_renewed_although_nobody_waits(semaphore: SemaphoreHarness) -> None:
    fence = semaphore.run(0, ACQUIRE, 1, NOW)
    semaphore.clock.advance(LEASE - 1)
    assert semaphore.run(0, RENEW, 1) == 1
    semaphore.clock.advance(LEASE)
    assert semaphore.run(0, RENEW, 1) == 0
    assert semaphore.run(0, ACQUIRE, 1, NOW) > fence, "a request that is sent again gets a new grant"


HOUR = 3600 * SECOND


def test_dead_holder_keeps_a_permit_for_one_lease_after_the_clock_was_set_back(semaphore: SemaphoreHarness) -> None:
    fence = semaphore.run(0, ACQUIRE, 1, NOW)
    semaphore.run(1, ACQUIRE, 1, WAIT)
    semaphore.clock.advance(-HOUR)
    _, look, *_ = semaphore.run(1, ACQUIRE, 1, WAIT)
    assert look == semaphore.clock.now + LEASE
    semaphore.clock.advance(LEASE)
    assert semaphore.run(1, ACQUIRE, 1, WAIT) > fence


def test_living_holder_keeps_its_permit_when_the_clock_was_set_back(semaphore: SemaphoreHarness) -> None:
    semaphore.run(0, ACQUIRE, 1, NOW)
    semaphore.clock.advance(-HOUR)
    for _ in range(5):
        assert not isinstance(semaphore.run(1, ACQUIRE, 1, NOW), int)
        semaphore.clock.advance(LEASE - 1)
        assert semaphore.run(0, RENEW, 1) == 1


def test_long_lease_is_not_shortened_by_a_request_with_a_shorter_one(semaphore: SemaphoreHarness) -> None:
    semaphore.run(0, ACQUIRE, 1, NOW, lease=6 * LEASE)
    semaphore.run(1, ACQUIRE, 1, WAIT)
    semaphore.clock.advance(6 * LEASE - 1)
    assert not isinstance(semaphore.run(1, ACQUIRE, 1, WAIT), int)
    semaphore.clock.advance(1)
    assert isinstance(semaphore.run(1, ACQUIRE, 1, WAIT), int)


def test_lease_is_renewed_and_released_by_a_full_server(
    semaphore: SemaphoreHarness, full: Callable[[], object]
) -> None:
    semaphore.run(0, ACQUIRE, 1, NOW)
    semaphore.run(1, ACQUIRE, 1, WAIT)
    full()
    assert semaphore.run(0, RENEW, 1) == 1
    assert semaphore.run(0, RELEASE, 1) == 1
    assert len(semaphore.grants(1)) == 1


def test_fence_is_raised_above_one_that_the_holder_has_seen(semaphore: SemaphoreHarness) -> None:
    first = semaphore.run(0, ACQUIRE, 1, NOW)
    raised = semaphore.run(0, RAISE_FENCE, 1, b"%d" % (first + HOUR))
    assert raised == first + HOUR + 1
    assert semaphore.run(0, RELEASE, 1) == 1
    assert semaphore.run(1, ACQUIRE, 1, NOW) > raised, "others get a higher one, too"
    assert semaphore.run(0, RAISE_FENCE, 1, b"1") == 0, "it no longer holds the permit"
