"""A request for a permit in virtual time."""

from __future__ import annotations

import contextlib
import queue
from typing import Any

import pytest
import redis

from broker import Lock, Queue, ServerUnavailableError
from broker.engine import lease as lease_module
from broker.engine.blocking import drive
from broker.engine.lease import Holdings, Lease, Withdrawal
from broker.engine.request import ACK_TIMEOUT
from broker.locks.permits import PermitRequest
from broker.transport.connection import NEVER

REPLY_TIMEOUT = 5.0  # seconds
FENCE = 7
TOKEN = b"host/1/process/random:1/1"
SECOND = 1_000_000  # of the server's clock
NOW = 1_800_000_000 * SECOND


class FakeServer:
    """A client, its I/O and its renewer. The server replies `replies`; a `TimeoutError` takes `REPLY_TIMEOUT`."""

    channel = b"broker:client"

    def __init__(self, *replies: object) -> None:
        self.replies = list(replies)
        self.posted = 0
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    monotonic = now

    def new_token(self) -> bytes:
        return TOKEN

    def is_subscribed(self, channel: bytes) -> bool:
        return True

    def disconnect(self) -> None:
        pass

    def retire(self) -> None:
        pass

    def subscribe(self, *_: object) -> None:
        pass

    def sleep(self, until: float) -> None:
        self.time = max(self.time, until)

    def execute(self, *_: object) -> object:
        reply = self.replies.pop(0)
        if isinstance(reply, BaseException):
            self.time += REPLY_TIMEOUT * isinstance(reply, redis.TimeoutError)
            raise reply
        return reply

    def post(self, *_: object) -> None:
        self.posted += 1

    def add(self, lease: Lease) -> None:
        pass

    def remove(self, lease: Lease) -> None:
        pass

    def withdraw(self, withdrawal: Withdrawal) -> None:
        raise AssertionError("the server has answered")


@pytest.fixture
def request_permit(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a request for a lock of a lease, and the lock's holdings, at a fake server."""

    def make(server: Any, lease: float) -> tuple[PermitRequest, Lock, Holdings]:
        monkeypatch.setattr(lease_module, "time", server)
        lock, holdings = Lock.at("unix:///nowhere", "name", lease=lease), Holdings(server, lambda: 1)
        return PermitRequest(lock, holdings, server), lock, holdings

    return make


@pytest.mark.parametrize("lease", [REPLY_TIMEOUT / 5, REPLY_TIMEOUT * 10])
def test_permit_is_held_after_a_reply_that_was_lost_for_longer_than_a_lease(lease: float, request_permit: Any) -> None:
    server: Any = FakeServer(redis.TimeoutError("no reply in time"), FENCE, FENCE)
    request, lock, holdings = request_permit(server, lease)
    assert drive(request.complete(NEVER), server)
    (held,) = holdings.leases(lock._key)
    assert held.fence == FENCE
    assert held.is_valid


@pytest.mark.parametrize(
    ("fence", "last_fence", "granted"),
    [(NOW, 0, False), (NOW + 1, 0, True), (NOW + 2, NOW + 2, False), (NOW + 3, NOW + 2, True)],
    ids=["data lost", "data lost, later", "earlier", "later"],
)
def test_message_of_a_grant_from_before_the_last_reply_is_not_believed(
    fence: int, last_fence: int, granted: bool, request_permit: Any
) -> None:
    """The server's clock was set back: the expiry seems to lie ahead, and the grant has ended all the same."""
    server: Any = FakeServer([NOW, NOW + 10 * SECOND, 0, last_fence])
    request, lock, holdings = request_permit(server, 10.0)
    assert not drive(request.check(NEVER), server)
    assert drive(request.on_message(b"%b %d %d" % (TOKEN, fence, NOW + SECOND)), server) is granted
    assert len(holdings.leases(lock._key)) == server.posted == granted
    assert granted or request.recheck_at == server.time, "it asks at once"


@pytest.mark.parametrize("lease", [0.1, 10.0])
def test_published_grant_is_certain_for_no_longer_than_it_can_last(lease: float, request_permit: Any) -> None:
    """Also if its expiry seems to lie further ahead, since the server's clock was set forward."""
    server: Any = FakeServer([NOW, NOW + 10 * SECOND, 0, 0])
    request, lock, holdings = request_permit(server, lease)
    drive(request.check(NEVER), server)
    assert drive(request.on_message(b"%b %d %d" % (TOKEN, NOW + 1, NOW + 60 * SECOND)), server)
    (held,) = holdings.leases(lock._key)
    assert held.deadline == server.time + min(lease, ACK_TIMEOUT)


@pytest.mark.parametrize(
    ("withdrawn", "error"),
    [([1], None), ([0], queue.Full), ([redis.TimeoutError("no reply in time")], ServerUnavailableError)],
    ids=["put", "not put", "unknown"],
)
def test_put_that_was_sent_twice_fails_only_if_neither_copy_has_put_the_item(
    withdrawn: list[object], error: type[Exception] | None
) -> None:
    """The queue is full when the second copy arrives, and no longer when the first one does."""
    server: Any = FakeServer(redis.ConnectionError("connection reset"), [NOW, NOW + SECOND, 0, 0], *withdrawn)
    repeated: list[Withdrawal] = []
    server.withdraw = repeated.append
    items = Queue.at("unix:///nowhere", "name", maxsize=1)
    with pytest.raises(error) if error else contextlib.nullcontext():
        drive(items._put_item(Holdings(server, lambda: 1), server, b"item", 0.0), server)
    assert bool(repeated) == (error is ServerUnavailableError)
    assert server.replies == []


@pytest.mark.parametrize(
    ("last_hold", "delay", "acknowledged"),
    [(0.05, 0.0, False), (0.2, 0.0, True), (0.05, 0.2, True)],
    ids=["brief", "long", "brief, but the message is late"],
)
def test_grant_is_acknowledged_at_once_unless_it_is_probably_released_soon(
    last_hold: float, delay: float, acknowledged: bool, request_permit: Any
) -> None:
    server: Any = FakeServer()
    _, lock, holdings = request_permit(server, 10.0)

    def wait_and_hold(fence: int, delay: float, hold: float) -> Lease:
        server.replies += [[fence - 1, fence + 10 * SECOND, 0, 0], 1]
        request = PermitRequest(lock, holdings, server)
        assert not drive(request.check(NEVER), server)
        server.time += delay
        assert drive(request.on_message(b"%b %d %d" % (TOKEN, fence, fence - 1 + SECOND)), server)
        (lease,) = holdings.leases(lock._key)
        server.time += hold
        drive(lock._release(holdings, server, lock._release_script, -1), server)
        return lease

    wait_and_hold(NOW, 0.0, last_hold)
    assert server.posted == 1, "the first time it is"
    lease = wait_and_hold(NOW + SECOND, delay, 0.0)
    assert server.posted == 1 + acknowledged
    assert lease.renew_at == pytest.approx(server.time + (lease.deadline - server.time) / (3 if acknowledged else 10))


@pytest.mark.parametrize("expired", [False, True])
def test_release_that_was_carried_out_succeeds_if_it_is_repeated(expired: bool, request_permit: Any) -> None:
    """Its reply was lost, and Ctrl-C ended it; that the lease would have expired by now makes no difference."""
    server: Any = FakeServer(FENCE, KeyboardInterrupt(), 0, [b"%d" % FENCE, b"%d" % FENCE])
    server.withdraw = lambda _: None
    request, lock, holdings = request_permit(server, 10.0)
    assert drive(request.complete(0.0), server)

    def release() -> bool:
        return drive(lock._release(holdings, server, lock._release_script, -1), server)

    with pytest.raises(KeyboardInterrupt):
        release()
    if expired:
        server.time += 10.0
    assert release()
    assert holdings.leases(lock._key) == []
