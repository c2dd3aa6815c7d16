"""When leases are renewed, and until when the holder may rely on them."""

from __future__ import annotations

import queue
import time
from typing import Any

import pytest

from broker import BrokerError
from broker.engine import lease as lease_module
from broker.engine.blocking import drive
from broker.engine.keeper import LOST
from broker.engine.lease import RETRY_DELAY, SENT, Lease, renew
from broker.engine.lease_renewer import LeaseRenewer
from broker.engine.shared_scripts import RENEW
from tests.support.actors import TIMEOUT

SCRIPT = RENEW.bind([b"key"], 1, 1)
DURATION = 600.0  # seconds
SENT_AT = 1000.0
DELAY = 5.0  # seconds
LEFT = 60.0  # seconds until the lease expires


class SlowServer:
    """Carries out operations in virtual time; each request takes `delay` seconds, and its reply is `reply`."""

    def __init__(self, reply: object, delay: float = DELAY) -> None:
        self.requests = 0
        self.time = SENT_AT
        self._reply = reply
        self._delay = delay

    def now(self) -> float:
        return self.time

    monotonic = now

    def execute(self, *_: object) -> object:
        self.requests += 1
        self.time += self._delay
        if isinstance(self._reply, Exception):
            raise self._reply
        return self._reply


def make_lease(name: bytes = b"token", sent_at: float = SENT_AT, deadline: float = SENT_AT + LEFT) -> Lease:
    return Lease(name, 1, DURATION, sent_at, deadline, SCRIPT)


def renew_at(server: Any, lease: Lease) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease_module, "time", server)
        drive(renew(server, lease), server)


def test_lease_is_renewed_for_its_duration_from_before_the_request() -> None:
    lease = make_lease()
    renew_at(SlowServer(1), lease)
    assert lease.deadline == SENT_AT + DURATION
    assert lease.renew_at == SENT_AT + DURATION / 3


def test_lease_that_the_server_does_not_know_is_lost() -> None:
    lease = make_lease()
    renew_at(SlowServer(0), lease)
    assert lease.lost


@pytest.mark.parametrize("reply", [b"OK", None, -1, 2, OSError("no memory"), ValueError("not a number"), MemoryError()])
def test_any_other_reply_or_error_only_delays_the_renewal(reply: object) -> None:
    lease = make_lease()
    renew_at(SlowServer(reply), lease)
    assert not lease.lost
    assert lease.deadline == SENT_AT + LEFT
    assert lease.renew_at == SENT_AT + DELAY + RETRY_DELAY


def test_lease_whose_release_has_been_sent_is_not_renewed() -> None:
    lease, server = make_lease(), SlowServer(1)
    lease.release = SENT
    renew_at(server, lease)
    assert not server.requests
    assert not lease.needs_renewal


def test_lease_that_has_expired_is_lost_for_good() -> None:
    lease, server = make_lease(), SlowServer(1)
    server.time += LEFT
    renew_at(server, lease)
    assert lease.lost
    assert not server.requests, "nothing is renewed any more"


def test_lease_that_was_seen_to_be_lost_is_not_won_back_by_a_renewal_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    lease, server = make_lease(), SlowServer(1, delay=LEFT)
    monkeypatch.setattr(lease_module, "time", server)
    steps = renew(server, lease)
    next(steps).perform(server)
    assert not lease.is_valid
    with pytest.raises(StopIteration):
        steps.send(1)
    assert lease.deadline > server.time
    assert not lease.is_valid


class Recorder:
    """A connection that renews every lease, and tells which."""

    def __init__(self) -> None:
        self.renewed = queue.SimpleQueue[bytes]()

    def now(self) -> float:
        return time.monotonic()

    def execute(self, _: object, arguments: tuple[bytes, ...], deadline: float) -> int:
        self.renewed.put(arguments[0])
        return 1


def test_new_lease_is_renewed_in_time_although_all_others_are_due_later() -> None:
    connection: Any = Recorder()
    renewer, now = LeaseRenewer(lambda: connection), time.monotonic()
    renewer.add(make_lease(b"first", now, now + DURATION))
    renewer.add(due_at_once(now))
    assert connection.renewed.get(timeout=TIMEOUT) == b"due at once"
    renewer.stop()


def due_at_once(now: float) -> Lease:
    lease = make_lease(b"due at once", now, now + DURATION)
    lease.renew_at = now
    return lease


def test_thread_that_cannot_be_started_is_an_error_now_and_no_obstacle_later(monkeypatch: pytest.MonkeyPatch) -> None:
    connection: Any = Recorder()
    renewer, now = LeaseRenewer(lambda: connection), time.monotonic()

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("threading.Thread.start", refuse)
        with pytest.raises(BrokerError, match="leases cannot be renewed, since no thread can be started"):
            renewer.add(make_lease(b"refused", now, now + DURATION))
    renewer.add(due_at_once(now))
    assert connection.renewed.get(timeout=TIMEOUT) == b"due at once"
    renewer.stop()


class FakeKeeping:
    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    def end(self, lease: Lease) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(("left", "is_kept"), [(DURATION, True), (DURATION / 3, False), (-1.0, False)])
def test_lease_is_valid_for_as_long_as_its_keeper_has_renewed_it(left: float, is_kept: bool) -> None:
    now = time.monotonic()
    lease = make_lease(deadline=now - 1)
    lease.keeping = FakeKeeping(now + left)
    assert lease.is_kept(now) is is_kept, "the thread renews what the keeper has not renewed in time"
    assert lease.is_valid is (left > 0)


def test_holder_learns_from_the_keeper_that_a_lease_is_lost() -> None:
    now = time.monotonic()
    lease = make_lease(deadline=now + LEFT)
    lease.keeping = FakeKeeping(LOST)
    assert lease.is_kept(now), "there is nothing to renew"
    assert lease.lost
    assert not lease.is_valid
