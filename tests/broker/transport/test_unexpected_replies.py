"""What is no reply to a request grants nothing: it is an error of the broker that says what came."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import broker
from broker import BrokerError, UnsuitableServerError
from broker.engine.session import get_session
from tests.support.errors import message_of
from tests.support.fake_server import FakeServer

NO_REPLIES = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"+OK\r\n",
    b"+QUEUED\r\n",
    b"$-1\r\n",
    b"_\r\n",
    b"#t\r\n",
    b"%1\r\n+a\r\n+b\r\n",
    b"*1\r\n" * 1000,
    b"$99999999999\r\n",
]
NO_GRANTS = [
    b":0\r\n",
    b":-1\r\n",
    b"$3\r\nabc\r\n",
    b"*0\r\n",
    b"*3\r\n" + b":1\r\n" * 3,
    b"*4\r\n:1\r\n:2\r\n:3\r\n$1\r\n4\r\n",
    b"*5\r\n" + b":1\r\n" * 5,
]
NO_ITEMS = [b":1\r\n", b"*1\r\n$1\r\nx\r\n"]


@pytest.mark.parametrize("reply", NO_REPLIES + NO_GRANTS, ids=lambda reply: reply[:20])
@pytest.mark.parametrize("timeout", [0.0, 0.2])
def test_lock_is_not_granted(reply: bytes, timeout: float) -> None:
    with FakeServer(reply) as server:
        lock = broker.Lock.at(server.url, "a lock")
        with pytest.raises(UnsuitableServerError) as error:
            lock.acquire(timeout=timeout)
        assert "unexpected reply" in message_of(error)
        assert not lock.held
        get_session(server.url).close()


@pytest.mark.parametrize("reply", NO_REPLIES + NO_ITEMS, ids=lambda reply: reply[:20])
def test_no_item_is_got(reply: bytes) -> None:
    with FakeServer(reply) as server:
        with pytest.raises(UnsuitableServerError, match="unexpected reply"):
            broker.Queue.at(server.url, "a queue").get(False)
        get_session(server.url).close()


@pytest.mark.parametrize("reply", NO_REPLIES, ids=lambda reply: reply[:20])
@pytest.mark.parametrize(
    "call",
    [
        lambda url: broker.Event.at(url, "an event").wait(0.1),
        lambda url: broker.Lock.at(url, "a lock").delete(),
        lambda url: next(broker.Board.at(url, "a board").watch(0.1)),
    ],
)
def test_every_call_ends_with_an_error_of_the_broker(call: Callable[[str], object], reply: bytes) -> None:
    with FakeServer(reply) as server:
        with pytest.raises(BrokerError, match="unexpected reply"):
            call(server.url)
        get_session(server.url).close()
