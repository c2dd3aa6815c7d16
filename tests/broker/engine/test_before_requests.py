"""What is called before the requests of a process: what others may be waiting for is done before they learn of it."""

from __future__ import annotations

import threading

import pytest

from broker import Context
from broker.engine.session import call_before_requests
from tests.support.waiting import wait_until


@pytest.fixture
def callers(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    called: list[threading.Thread] = []
    monkeypatch.setattr("broker.engine.session._before_requests", [])
    call_before_requests(lambda: called.append(threading.current_thread()))
    return called


def test_each_call_of_a_primitive_comes_after_it(ctx: Context, callers: list[threading.Thread]) -> None:
    queue, event, (left, right) = ctx.Queue(), ctx.Event(), ctx.Pipe()
    for call in (event.set, event.is_set, lambda: queue.put(1), queue.get, lambda: left.send(1), right.recv):
        callers.clear()
        call()
        assert set(callers) == {threading.main_thread()}


def test_renewals_do_not_wait_for_it(ctx: Context, callers: list[threading.Thread]) -> None:
    lock = ctx.Lock(lease=0.5)
    with lock:
        callers.clear()
        [lease] = lock._get_session().holdings.leases(lock._key)
        expiry = lease.deadline
        wait_until(lambda: lease.deadline > expiry)
        assert callers == []
