"""A wire: replies arrive in pieces of any size, no call outlasts its timeout, and every error is one of redis-py's."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import redis

from broker.transport import wire as wire_module
from broker.transport.server_errors import TlsError, UnexpectedReplyError
from broker.transport.wire import TIMEOUT_TOLERANCE, Wire, wire_factory
from tests.support.actors import TIMEOUT
from tests.support.fake_server import FakeServer

LARGE = bytes(range(256)) * 32768  # 8 MB
MEGABYTE = b"x" * 1_000_000


class Opened:
    """What redis-py hands over: a connection whose socket is open."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def connect(self) -> None:
        pass

    def disconnect(self) -> None:
        self._sock.close()


def open_wire(sock: Any, timeout: float) -> Wire:
    return Wire(Opened(sock), timeout)  # type: ignore[arg-type]


class CountingSocket(socket.socket):
    """A socket that records for which timeouts it was set."""

    limits: list[float | None]

    def settimeout(self, value: float | None) -> None:
        self.__dict__.setdefault("limits", []).append(value)
        super().settimeout(value)

    def setsockopt(self, *arguments: Any) -> None:
        self.__dict__.setdefault("limits", []).append(None)
        super().setsockopt(*arguments)


class SimulatedSocket:
    """A socket whose peer sends pieces, each after some seconds of a simulated clock, and accepts 2 MB per second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pieces: Iterable[tuple[float, bytes]] = ()) -> None:
        self.now = 0.0
        self._pieces = iter(pieces)
        self._limit = 0.0
        monkeypatch.setattr(wire_module.time, "monotonic", lambda: self.now)

    def settimeout(self, limit: float) -> None:
        self._limit = limit

    def recv(self, size: int) -> bytes:
        delay, piece = next(self._pieces)
        assert len(piece) <= size
        self._pass(delay)
        return piece

    def send(self, data: Any) -> int:
        self._pass(0.5)
        return min(len(data), 1_000_000)

    def _pass(self, seconds: float) -> None:
        self.now += min(seconds, self._limit)
        if seconds > self._limit:
            raise TimeoutError

    def shutdown(self, _: int) -> None:
        pass

    def close(self) -> None:
        pass


class FailingSocket:
    def __init__(self, error: OSError) -> None:
        self._error = error

    def settimeout(self, _: float) -> None:
        pass

    def recv(self, _: int) -> bytes:
        raise self._error

    def send(self, _: bytes) -> int:
        raise self._error


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    near, far = socket.socketpair()
    wire = open_wire(near, 60.0)
    yield wire, far
    wire.close()
    far.close()


def test_a_large_reply_is_followed_by_others(ends: Any) -> None:
    wire, server = ends
    sender = threading.Thread(target=server.sendall, args=(b"$%d\r\n%b\r\n:7\r\n+OK\r\n" % (len(LARGE), LARGE),))
    sender.start()
    assert wire.read() == LARGE
    sender.join()
    assert [wire.read(), wire.read()] == [7, "OK"]


def test_a_large_reply_that_is_late_is_returned_by_a_later_call(ends: Any) -> None:
    wire, server = ends
    server.sendall(b"*2\r\n:1\r\n$%d\r\n" % len(LARGE) + LARGE[:1000])
    with pytest.raises(redis.TimeoutError):
        wire.read(timeout=0.01)
    sender = threading.Thread(target=server.sendall, args=(LARGE[1000:] + b"\r\n",))
    sender.start()
    assert wire.read() == [1, LARGE]
    sender.join()


def test_a_large_reply_that_breaks_off_is_an_error(ends: Any) -> None:
    wire, server = ends
    server.sendall(b"$%d\r\n" % len(LARGE) + LARGE[:1000])
    server.close()
    with pytest.raises(redis.ConnectionError, match="closed the connection"):
        wire.read()


def test_a_large_request_is_sent_completely(ends: Any) -> None:
    wire, server = ends
    received = bytearray()

    def receive() -> None:
        while data := server.recv(1 << 20):
            received.extend(data)

    receiver = threading.Thread(target=receive)
    receiver.start()
    wire.send(LARGE, timeout=TIMEOUT)
    wire.close()
    receiver.join()
    assert received == LARGE


@pytest.mark.parametrize("timeout", [None, 0.3], ids=["default", "own"])
def test_a_reply_that_drips_in_is_late_like_one_that_does_not_arrive(timeout: float | None) -> None:
    near, far = socket.socketpair()
    wire = open_wire(near, 0.3)
    stopped = threading.Event()

    def drip() -> None:
        far.sendall(b"$500\r\n")
        for _ in range(502):
            if not stopped.wait(0.02):
                far.send(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    with pytest.raises(redis.TimeoutError):  # with a time limit for each receive, it would be an unexpected reply
        wire.read(timeout)
    stopped.set()
    dripping.join()
    wire.close()
    far.close()


@pytest.mark.parametrize("timeout", [None, 5.0, 2.0])
@pytest.mark.parametrize("delay", [0.9, 0.01, 0.0005])
def test_no_byte_extends_a_timeout(monkeypatch: pytest.MonkeyPatch, timeout: float | None, delay: float) -> None:
    sock = SimulatedSocket(monkeypatch, ((delay, b"$" if i == 0 else b"0") for i in itertools.count()))
    with pytest.raises(redis.TimeoutError):
        open_wire(sock, 5.0).read(timeout)
    assert sock.now == pytest.approx(timeout or 5.0, abs=TIMEOUT_TOLERANCE + 0.001)


def large_reply(delay: float, stops_after: int = 20) -> Iterator[tuple[float, bytes]]:
    """20 MB in pieces, each after this delay; but an hour passes after some of them."""
    yield delay, b"$20000000\r\n"
    yield from itertools.repeat((delay, MEGABYTE), stops_after)
    yield 3600.0 if stops_after < 20 else delay, b"\r\n"


def test_a_large_reply_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sock = SimulatedSocket(monkeypatch, large_reply(0.5))
    assert len(open_wire(sock, 5.0).read()) == 20_000_000
    assert sock.now == 11.0


def test_a_large_reply_that_stops_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    sock = SimulatedSocket(monkeypatch, large_reply(0.125, stops_after=15))
    with pytest.raises(redis.TimeoutError):
        open_wire(sock, 5.0).read()
    assert sock.now == pytest.approx(7.0, abs=TIMEOUT_TOLERANCE)


def test_the_timeout_of_a_call_bounds_a_large_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    sock = SimulatedSocket(monkeypatch, large_reply(0.5))
    with pytest.raises(redis.TimeoutError):
        open_wire(sock, 60.0).read(5.0)
    assert sock.now == pytest.approx(5.0, abs=TIMEOUT_TOLERANCE)


def test_the_timeout_of_a_call_bounds_a_large_request(monkeypatch: pytest.MonkeyPatch) -> None:
    sock = SimulatedSocket(monkeypatch)
    wire = open_wire(sock, 5.0)
    wire.send(MEGABYTE * 20)
    assert sock.now == 10.0
    with pytest.raises(redis.ConnectionError, match="sending"):
        wire.send(MEGABYTE * 20, 5.0)
    assert sock.now == pytest.approx(15.5, abs=TIMEOUT_TOLERANCE)


def test_a_request_that_nobody_receives_is_an_error(ends: Any) -> None:
    wire, _ = ends
    with pytest.raises(redis.ConnectionError, match="sending"):
        wire.send(LARGE, timeout=0.05)


def test_only_another_timeout_is_set() -> None:
    near, far = socket.socketpair()
    sock = CountingSocket(near.family, near.type, near.proto, near.detach())
    wire = open_wire(sock, 60.0)

    def exchange(*timeout: float) -> list[float | None]:
        sock.limits.clear()
        wire.send(b"request", *timeout)
        far.recv(100)
        far.send(b":1\r\n")
        assert wire.read(*timeout) == 1
        return sock.limits

    exchange()
    assert exchange() == exchange(60.0) == []
    assert exchange(5.0) == [5.0]
    assert exchange(5.0) == []
    assert exchange() == [None]
    assert exchange() == []
    wire.close()
    far.close()


@pytest.mark.parametrize("timeout", [0.0, -1.0, 1e-9, float("inf"), 1e300])
def test_any_number_is_a_timeout(ends: Any, timeout: float) -> None:
    wire, server = ends
    server.sendall(b":1\r\n")
    assert wire.read(timeout) == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(), redis.TimeoutError),
        (BlockingIOError(), redis.TimeoutError),
        (ConnectionResetError(), redis.ConnectionError),
        (BrokenPipeError(), redis.ConnectionError),
        (OSError(9, "Bad file descriptor"), redis.ConnectionError),
        (ssl.SSLEOFError(8, "EOF"), redis.ConnectionError),
        (ssl.SSLError(1, "alert certificate required"), TlsError),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), TlsError),
    ],
    ids=repr,
)
def test_errors_of_sockets_become_those_of_redis_py(error: OSError, kind: type[Exception]) -> None:
    wire = open_wire(FailingSocket(error), 60.0)
    with pytest.raises(redis.RedisError) as raised:
        wire.read()
    assert type(raised.value) is kind
    with pytest.raises(redis.ConnectionError):
        wire.send(b"request")


@pytest.mark.parametrize(
    "url", ["redis://user:s3cret@{}", "redis://:s3cret@{}", "redis://{}/1", "redis://{}?client_name=x"]
)
@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 400\r\n", b":1\r\n", b"$-1\r\n", b"+QUEUED\r\n", b"*1\r\n" * 9999, b"$x\r\n"]
)
def test_login_at_what_is_no_server(url: str, reply: bytes) -> None:
    with FakeServer(reply) as server, pytest.raises(UnexpectedReplyError) as error:
        wire_factory(url.format(server.address))(TIMEOUT)
    assert "s3cret" not in str(error.value)


def test_login_is_refused() -> None:
    with (
        FakeServer(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n") as server,
        pytest.raises(redis.exceptions.AuthenticationError, match="WRONGPASS"),
    ):
        wire_factory(f"redis://user:s3cret@{server.address}")(TIMEOUT)


def test_login_that_drips_in_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    sock = SimulatedSocket(monkeypatch, ((0.3, b"+" if i == 0 else b"O") for i in itertools.count()))
    monkeypatch.setattr(redis.Connection, "_connect", lambda _: sock)
    with pytest.raises(redis.TimeoutError):
        wire_factory("redis://:s3cret@host")(60.0, 5.0)
    assert sock.now == pytest.approx(5.0, abs=TIMEOUT_TOLERANCE)
