"""Edge cases of granting items to getters that the model test rarely reaches, with a fake clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from broker.messages import items, queues
from broker.server.private_server import PrivateServer
from broker.transport.scripts import Script
from tests.support.fake_clock import SECOND, ScriptHarness, with_fake_clock

PUT, GET, RETURN_ITEM, DONE = map(with_fake_clock, (items.PUT, items.GET, items.RETURN_ITEM, queues.TASK_DONE))
KEYS = [b"{test}%d" % number for number in range(1, 13)]  # the last one is the index
LEASE = 10 * SECOND
NOW, WAIT = b"0", b"1"
UNLIMITED, KEEP, TAKE = b"0", b"1", b"0"


class QueueHarness(ScriptHarness):
    """The scripts of a joinable queue, and clients that each send one request."""

    def run(self, number: int, script: Script, *arguments: bytes) -> Any:
        return self.clients[number].run(script.bind(KEYS, 0, LEASE), self.tokens[number], *arguments)

    def get(self, number: int, wait: bytes = WAIT) -> Any:
        return self.run(number, GET, wait, UNLIMITED, KEEP)

    def put(self, item: bytes) -> None:
        client = self.clients[-1]
        assert client.run(PUT.bind(KEYS, 0, LEASE), client.token(), NOW, UNLIMITED, item) == 1

    def notifications(self, number: int) -> list[tuple[bool, int]]:
        """Return for each message whether it is a grant, and when that expires or else when to check."""
        words = [message.split() for message in self.clients[number].messages()]
        return [(fence != b"0", int(moment)) for token, fence, moment in words if token == self.tokens[number]]


@pytest.fixture
def queue(server: PrivateServer, client: redis.Redis) -> Iterator[QueueHarness]:
    harness = QueueHarness(server.url, client)
    yield harness
    harness.close()


def test_item_is_reserved_for_a_second_for_the_notified_getter(queue: QueueHarness) -> None:
    queue.get(0)
    queue.put(b"x")
    assert queue.notifications(0) == [(True, queue.clock.now + SECOND)]
    queue.clock.advance(SECOND - 1)
    assert isinstance(queue.get(1, NOW), list), "it is reserved for the first getter"
    assert queue.get(0) == b"x"


def test_next_getter_gets_the_item_if_the_first_does_not_fetch_it(queue: QueueHarness) -> None:
    queue.get(0)
    queue.get(1)
    queue.put(b"x")
    assert queue.notifications(1) == [(False, queue.clock.now + SECOND)]
    queue.clock.advance(SECOND)
    assert queue.get(1) == b"x"
    assert isinstance(queue.get(0), list), "it is at the end of the queue again"
    queue.put(b"y")
    assert queue.notifications(0)[-1][0] is True


def test_waiting_getter_gets_the_item_whose_lease_has_ended(queue: QueueHarness) -> None:
    queue.put(b"x")
    assert queue.get(0) == b"x"
    _, look, _ = queue.get(1)
    assert look == queue.clock.now + LEASE
    queue.clock.advance(LEASE)
    assert queue.get(1) == b"x"
    assert queue.run(0, DONE) == -1
    assert queue.run(1, DONE) == 1


def test_repeated_task_done_is_not_a_lost_lease_although_an_earlier_grant_expired(queue: QueueHarness) -> None:
    queue.get(0)
    queue.put(b"x")
    queue.clock.advance(SECOND)
    assert queue.get(1) == b"x", "the first getter was paused"
    queue.put(b"y")
    assert queue.get(0) == b"y"
    assert queue.run(0, DONE) == 1
    assert queue.run(0, DONE) == 0, "repeated because the reply was lost"


def test_returned_item_goes_to_the_waiting_getter(queue: QueueHarness) -> None:
    queue.put(b"x")
    assert queue.get(0) == b"x"
    queue.get(1)
    queue.run(0, RETURN_ITEM, NOW, UNLIMITED, KEEP)
    assert queue.notifications(1)[-1][0] is True
    assert queue.get(1) == b"x"


def test_returned_grant_goes_to_the_next_getter_at_once(queue: QueueHarness) -> None:
    queue.get(0)
    queue.get(1)
    queue.put(b"x")
    queue.run(0, RETURN_ITEM, NOW, UNLIMITED, KEEP)
    assert queue.notifications(1)[-1][0] is True
    assert queue.get(1) == b"x"


def test_late_copy_of_an_earlier_put_puts_nothing(queue: QueueHarness) -> None:
    client, put = queue.clients[0], PUT.bind(KEYS, 0, LEASE)
    first, second = client.token(), client.token()
    for token, item in ((first, b"x"), (second, b"y"), (first, b"x")):
        assert client.run(put, token, NOW, UNLIMITED, item) == 1
    assert [queue.get(number, NOW) for number in (1, 2)] == [b"x", b"y"]
    assert isinstance(queue.get(3, NOW), list), "there is no third item"


def test_late_copy_of_an_earlier_get_takes_nothing(queue: QueueHarness) -> None:
    client, get = queue.clients[0], GET.bind(KEYS, 0, LEASE)
    first, second = client.token(), client.token()
    for item in (b"x", b"y", b"z"):
        queue.put(item)
    assert [client.run(get, token, NOW, UNLIMITED, TAKE) for token in (first, second)] == [b"x", b"y"]
    client.run(get, first, NOW, UNLIMITED, TAKE)
    assert queue.get(1, NOW) == b"z"
