"""Edge cases of granting items to getters that the model test rarely reaches, with a fake clock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from broker.engine import shared_scripts
from broker.messages import items, queues
from broker.server.private_server import PrivateServer
from broker.transport.scripts import Script
from tests.support.fake_clock import SECOND, ScriptHarness, with_fake_clock

PUT, GET, RETURN_ITEM, WITHDRAW_PUT, CONFIRM_GET, DONE, WITHDRAW_TASK, RENEW = map(
    with_fake_clock,
    (
        items.PUT,
        items.GET,
        items.RETURN_ITEM,
        items.WITHDRAW_PUT,
        items.CONFIRM_GET,
        queues.TASK_DONE,
        queues.WITHDRAW_TASK,
        shared_scripts.RENEW,
    ),
)
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
    _, look, *_ = queue.get(1)
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


@pytest.mark.parametrize("keep", [KEEP, TAKE])
@pytest.mark.parametrize("sent", [NOW, WAIT])
def test_late_copy_of_a_get_that_was_given_up_takes_nothing(queue: QueueHarness, keep: bytes, sent: bytes) -> None:
    queue.run(0, GET, NOW, UNLIMITED, keep)
    queue.run(0, RETURN_ITEM, NOW, UNLIMITED, keep)
    queue.put(b"x")
    with contextlib.suppress(redis.ResponseError):  # nobody receives the reply
        queue.run(0, GET, sent, UNLIMITED, keep)
    assert queue.get(1, NOW) == b"x"


@pytest.mark.parametrize("size", [UNLIMITED, b"1"])
@pytest.mark.parametrize("sent", [NOW, WAIT])
def test_late_copy_of_a_put_that_was_given_up_puts_nothing(queue: QueueHarness, size: bytes, sent: bytes) -> None:
    assert [queue.run(0, WITHDRAW_PUT, NOW, size) for _ in range(2)] == [0, 0]
    queue.run(0, PUT, sent, size, b"late")
    assert isinstance(queue.run(1, GET, NOW, size, KEEP), list), "there is no item"
    assert queue.run(2, PUT, NOW, size, b"x") == 1, "the slot is free"


def test_put_that_is_given_up_after_it_was_done_stays(queue: QueueHarness) -> None:
    queue.run(0, PUT, NOW, UNLIMITED, b"x")
    assert [queue.run(0, WITHDRAW_PUT, NOW, UNLIMITED) for _ in range(2)] == [1, 1], "it says so"
    assert queue.get(1, NOW) == b"x"


def test_late_copy_of_a_get_whose_task_is_done_takes_nothing(queue: QueueHarness) -> None:
    queue.put(b"x")
    queue.put(b"y")
    assert queue.get(0) == b"x"
    assert queue.run(0, WITHDRAW_TASK) == 1
    with pytest.raises(redis.ResponseError):
        queue.get(0)
    assert queue.get(1, NOW) == b"y"


def test_item_whose_lease_has_expired_is_taken_again_under_a_new_lease(queue: QueueHarness) -> None:
    queue.put(b"x")
    assert queue.get(0) == b"x"
    queue.clock.advance(LEASE)
    assert queue.get(0) == b"x", "the reply was lost"
    queue.clock.advance(LEASE - 1)
    assert isinstance(queue.get(1, NOW), list)
    assert queue.run(0, DONE) == 1


LARGE = b"x" * 20_000


def kept(client: redis.Redis) -> int:
    """Return how many bytes of past requests the queue keeps."""
    return sum(len(value) for key in KEYS[5:7] for value in client.hvals(key))


def test_large_item_is_kept_until_it_is_confirmed(queue: QueueHarness, client: redis.Redis) -> None:
    queue.put(LARGE)
    for _ in range(2):  # the reply was lost
        assert queue.run(0, GET, NOW, UNLIMITED, TAKE) == LARGE
    assert queue.clients[0].run(CONFIRM_GET.bind(KEYS[5:7]), queue.tokens[0]) == 1
    assert kept(client) < 100
    assert queue.run(0, GET, NOW, UNLIMITED, TAKE) == b"", "a late copy gets nothing"


def test_large_item_that_was_not_confirmed_is_kept_until_the_next_request(
    queue: QueueHarness, client: redis.Redis
) -> None:
    queue.put(LARGE)
    queue.put(b"y")
    queue.run(0, GET, NOW, UNLIMITED, TAKE)
    queue.clock.advance(300 * SECOND)
    queue.clients[0].run(GET.bind(KEYS, 0, LEASE), queue.clients[0].token(), NOW, UNLIMITED, TAKE)
    assert kept(client) < 100


def test_large_item_that_its_getter_did_not_receive_goes_back(queue: QueueHarness, client: redis.Redis) -> None:
    queue.put(LARGE)
    queue.run(0, GET, NOW, UNLIMITED, TAKE)
    queue.run(0, RETURN_ITEM, NOW, UNLIMITED, TAKE)
    assert kept(client) < 100
    assert queue.get(1, NOW) == LARGE


def test_one_small_item_is_kept_for_each_client(queue: QueueHarness, client: redis.Redis) -> None:
    for _ in range(4):
        queue.put(b"z" * 10_000)
        queue.clients[0].run(GET.bind(KEYS, 0, LEASE), queue.clients[0].token(), NOW, UNLIMITED, TAKE)
        queue.clock.advance(300 * SECOND)
        assert kept(client) < 11_000


@pytest.mark.parametrize("keep", [KEEP, TAKE])
@pytest.mark.parametrize("size", [UNLIMITED, b"5"])
def test_item_that_is_reserved_can_be_fetched_from_a_full_server(
    queue: QueueHarness, full: Callable[[], object], keep: bytes, size: bytes
) -> None:
    queue.run(0, GET, WAIT, size, keep)
    queue.run(1, PUT, NOW, size, b"x")
    full()
    assert queue.run(0, GET, WAIT, size, keep) == b"x"


@pytest.mark.parametrize("keep", [KEEP, TAKE])
def test_item_can_be_returned_to_a_full_server(queue: QueueHarness, full: Callable[[], object], keep: bytes) -> None:
    queue.put(b"x")
    assert queue.run(0, GET, NOW, UNLIMITED, keep) == b"x"
    full()
    queue.run(0, RETURN_ITEM, NOW, UNLIMITED, keep)
    assert queue.run(1, GET, NOW, UNLIMITED, keep) == b"x"


def test_waiting_requests_can_be_withdrawn_from_a_full_server(
    queue: QueueHarness, full: Callable[[], object], client: redis.Redis
) -> None:
    queue.run(0, PUT, NOW, b"1", b"x")
    queue.run(1, PUT, WAIT, b"1", b"y")
    full()
    queue.run(1, WITHDRAW_PUT, NOW, b"1")
    assert client.zcard(KEYS[8]) == 0


@pytest.mark.parametrize("size", [UNLIMITED, b"5"])
def test_put_is_refused_by_a_full_server(queue: QueueHarness, full: Callable[[], object], size: bytes) -> None:
    queue.run(0, PUT, NOW, size, b"x")
    full()
    with pytest.raises(redis.ResponseError, match="OOM"):
        queue.run(1, PUT, NOW, size, b"y")
    assert queue.run(2, GET, NOW, size, TAKE) == b"x"
    assert isinstance(queue.run(3, GET, NOW, size, TAKE), list)


def test_task_can_be_got_from_a_full_server_although_another_was_renewed(
    queue: QueueHarness, full: Callable[[], object]
) -> None:
    queue.put(b"x")
    queue.put(b"y")
    assert queue.get(0) == b"x"
    queue.clock.advance(6 * SECOND)
    assert queue.clients[0].run(RENEW.bind([*KEYS[:3], KEYS[-1]], 0, LEASE), queue.tokens[0]) == 1
    queue.clock.advance(6 * SECOND)
    full()
    assert queue.get(1) == b"y"
