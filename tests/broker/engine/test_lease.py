"""When leases are renewed, and until when the holder may rely on them."""

from __future__ import annotations

import queue
import time
from types import SimpleNamespace
from typing import Any

import pytest

from broker.engine import lease
from broker.engine.shared_scripts import RENEW
from tests.support.actors import TIMEOUT

SCRIPT = RENEW.bind([b"key"], 1, 1)
DURATION = 600.0  # seconds
SENT_AT = 1000.0


@pytest.fixture
def renewed(monkeypatch: pytest.MonkeyPatch) -> lease.Lease:
    """A lease for which a request for renewal was sent at `SENT_AT`, and answered five seconds later."""
    clock = SimpleNamespace(now=SENT_AT, monotonic=lambda: clock.now)

    def renew(*_: object) -> int:
        clock.now += 5.0
        return 1

    monkeypatch.setattr(lease, "time", clock)
    connection: Any = SimpleNamespace(run_once=renew)
    renewed = lease.Lease(b"token", 1, DURATION, SENT_AT + 1.0, SCRIPT)
    lease.LeaseRenewer(lambda: connection)._renew(renewed)
    return renewed


def test_deadline_counts_from_before_the_request(renewed: lease.Lease) -> None:
    assert renewed.deadline == SENT_AT + DURATION


def test_next_renewal_is_due_after_a_third_of_the_lease(renewed: lease.Lease) -> None:
    assert renewed.renew_at == SENT_AT + DURATION / 3


def test_new_lease_is_renewed_in_time_although_all_others_are_due_later() -> None:
    renewals = queue.SimpleQueue[bytes]()
    connection: Any = SimpleNamespace(run_once=lambda _, token: renewals.put(token) or 1)
    renewer, now = lease.LeaseRenewer(lambda: connection), time.monotonic()
    renewer.add(lease.Lease(b"first", 1, DURATION, now + DURATION, SCRIPT))
    renewer.add(lease.Lease(b"due at once", 2, DURATION, now, SCRIPT))
    assert renewals.get(timeout=TIMEOUT) == b"due at once"
    renewer.stop()
