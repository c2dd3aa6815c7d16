"""A request for a permit in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from broker import Lock
from broker.engine import lease as lease_module
from broker.engine.blocking import drive
from broker.engine.lease import Holdings, Lease, Withdrawal
from broker.locks.permits import _PermitRequest

REPLY_TIMEOUT = 5.0  # seconds
FENCE = 7


class SilentOnce:
    """A client, its I/O and its renewer: the server's first reply is lost, which takes `REPLY_TIMEOUT` to notice."""

    channel = b"broker:client"

    def __init__(self) -> None:
        self.requests = 0
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    monotonic = now

    def new_token(self) -> bytes:
        return b"host/1/process/random:1/1"

    def is_subscribed(self, channel: bytes) -> bool:
        return True

    def subscribe(self, *_: object) -> None:
        pass

    def sleep(self, until: float) -> None:
        self.time = max(self.time, until)

    def execute(self, *_: object) -> int:
        self.requests += 1
        if self.requests == 1:
            self.time += REPLY_TIMEOUT
            raise redis.TimeoutError("no reply in time")
        return FENCE

    def add(self, lease: Lease) -> None:
        pass

    def remove(self, lease: Lease) -> None:
        pass

    def withdraw(self, withdrawal: Withdrawal) -> None:
        raise AssertionError("it was granted")


@pytest.mark.parametrize("lease", [REPLY_TIMEOUT / 5, REPLY_TIMEOUT * 10])
def test_permit_is_held_after_a_reply_that_was_lost_for_longer_than_a_lease(
    lease: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: Any = SilentOnce()
    monkeypatch.setattr(lease_module, "time", server)
    lock, holdings = Lock.at("unix:///nowhere", "name", lease=lease), Holdings(server, lambda: 1)
    assert drive(_PermitRequest(lock, holdings, server).complete(float("inf")), server)
    (held,) = holdings.leases(lock._key)
    assert held.fence == FENCE
    assert held.is_valid
