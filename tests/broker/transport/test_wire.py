"""Replies arrive in pieces of any size."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from broker.transport.wire import Wire

LARGE = bytes(range(256)) * 32768  # 8 MB


class Opened:
    """What redis-py hands over: a connection whose socket is open."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def connect(self) -> None:
        pass

    def disconnect(self) -> None:
        self._sock.close()


@pytest.fixture
def ends() -> Iterator[tuple[Any, socket.socket]]:
    near, far = socket.socketpair()
    wire = Wire(Opened(near), timeout=60.0)  # type: ignore[arg-type]
    yield wire, far
    wire.close()
    far.close()


def test_a_large_reply_is_followed_by_others(ends):
    wire, server = ends
    sender = threading.Thread(target=server.sendall, args=(b"$%d\r\n%b\r\n:7\r\n+OK\r\n" % (len(LARGE), LARGE),))
    sender.start()
    assert wire.read() == LARGE
    sender.join()
    assert [wire.read(), wire.read()] == [7, b"OK"]


def test_a_large_reply_that_is_late_is_returned_by_a_later_call(ends):
    wire, server = ends
    server.sendall(b"*2\r\n:1\r\n$%d\r\n" % len(LARGE) + LARGE[:1000])
    with pytest.raises(redis.TimeoutError):
        wire.read(timeout=0.01)
    sender = threading.Thread(target=server.sendall, args=(LARGE[1000:] + b"\r\n",))
    sender.start()
    assert wire.read() == [1, LARGE]
    sender.join()


def test_a_large_reply_that_breaks_off_is_an_error(ends):
    wire, server = ends
    server.sendall(b"$%d\r\n" % len(LARGE) + LARGE[:1000])
    server.close()
    with pytest.raises(redis.ConnectionError, match="closed the connection"):
        wire.read()
