"""The broker's host is cut off and healed; its server is killed and restarted, with its data and without."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from broker import LeaseLostError
from lab.errors import StaleFenceError
from tests.hosts.site import STOCK, Site
from tests.support.actors import SLACK, Actor
from tests.support.server_state import start_waiting

HEALED = 4.0 + SLACK  # seconds after which everybody works on

faults = pytest.mark.parametrize(
    "fault", ["cut", pytest.param("refuse", marks=pytest.mark.slow), pytest.param("unplug", marks=pytest.mark.slow)]
)


@faults
def test_nobody_notices_that_it_was_away_for_less_than_a_lease(site: Site, fault: str) -> None:
    lock = site.ctx.Lock(lease=10.0)
    holder, waiter = site.clerk(site.one, lock), site.clerk(site.two, lock)
    holder.call("acquire")
    start_waiting(lock, [waiter])
    held_for = time.monotonic() + 13.0
    holder.begin("hold", 13.0)
    getattr(site.broker, fault)()
    assert waiter.blocked(1.5)
    site.broker.heal()
    assert holder.result() >= held_for, "it holds on, longer than without a renewal"
    released = holder.call("release")
    assert waiter.result() - released < HEALED
    assert waiter.call("sell") == 99


@faults
def test_it_is_away_for_more_than_a_lease(site: Site, fault: str) -> None:
    """The holder knows that it may have lost the lock; whoever comes first has it when the broker is back."""
    lock = site.ctx.Lock(lease=2.0)
    holder, waiter = site.clerk(site.one, lock), site.clerk(site.two, lock)
    holder.call("acquire")
    start_waiting(lock, [waiter])
    holder.begin("hold")
    getattr(site.broker, fault)()
    away = time.monotonic()
    assert holder.result() - away < 2.0
    assert waiter.blocked(1.0)
    healed = time.monotonic()
    site.broker.heal()
    sold = succeeds(holder, "sell", StaleFenceError)
    succeeds(holder, "release", LeaseLostError)
    assert waiter.result() - healed < HEALED
    assert waiter.call("sell") == 99 - sold


def restart(site: Site) -> None:
    site.server.kill()
    site.server.start()


def lose_power(site: Site) -> None:
    site.broker.power_off()
    site.broker.power_on()
    site.server.start()


always = pytest.mark.server(appendonly="yes", appendfsync="always")
everysec = pytest.mark.server(appendonly="yes", appendfsync="everysec")
with_data = [
    pytest.param(restart, marks=always),
    pytest.param(restart, marks=[everysec, pytest.mark.slow]),
    pytest.param(lose_power, marks=[always, pytest.mark.slow]),
]


@pytest.mark.parametrize("fail", with_data)
def test_it_is_restarted_with_its_data(site: Site, fail: Callable[[Site], None]) -> None:
    """A lease that survived counts: nobody else is let in, and the places in the queue are kept."""
    lock, event = site.ctx.Lock(lease=10.0), site.ctx.Event()
    holder, second, third = (site.clerk(host, lock) for host in site.hosts)
    listener = site.three.actor(event)
    holder.call("acquire")
    start_waiting(lock, [second, third])
    start_waiting(event, [listener], "wait")
    held_for = time.monotonic() + 13.0
    holder.begin("hold", 13.0)
    fail(site)
    event.set()
    assert listener.result(HEALED) is True
    assert holder.result() >= held_for, "it holds on, longer than without a renewal"
    assert second.blocked()
    assert serve([holder, second, third]) == [99, 98, 97]


@pytest.mark.parametrize("fail", [restart, lose_power])
def test_it_is_restarted_without_any_data(site: Site, fail: Callable[[Site], None]) -> None:
    """Who waits finds his way back; who held the lock learns that it is lost, and sells nothing any more."""
    lock, event = site.ctx.Lock(lease=2.0), site.ctx.Event()
    holder, waiter = site.clerk(site.one, lock), site.clerk(site.two, lock)
    listener = site.three.actor(event)
    holder.call("acquire")
    fence = holder.call("fence")
    start_waiting(lock, [waiter])
    start_waiting(event, [listener], "wait")
    fail(site)
    site.db.create(STOCK)
    event.set()
    assert listener.result(HEALED) is True
    assert waiter.result(HEALED) > 0
    assert waiter.call("sell") == 99
    assert waiter.call("fence") > fence
    with pytest.raises(StaleFenceError):
        holder.call("sell")
    assert holder.call("hold") < time.monotonic()
    with pytest.raises(LeaseLostError):
        holder.call("release")
    start_waiting(lock, [holder])
    assert serve([waiter, holder]) == [98, 97]


def serve(clerks: list[Actor]) -> list[int]:
    """Let each sell and release, the first at once, the others when they have the lock; return what was left."""
    left = []
    for number, clerk in enumerate(clerks):
        if number:
            clerk.result()
        left.append(clerk.call("sell"))
        clerk.call("release")
    return left


def succeeds(clerk: Actor, call: str, refusal: type[Exception]) -> bool:
    try:
        clerk.call(call)
    except refusal:
        return False
    return True
