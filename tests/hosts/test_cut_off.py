"""A host is cut off for less and for more than a lease, and healed: packets lost, connections reset, link down."""

from __future__ import annotations

import time

import pytest

from broker import LeaseLostError
from lab.errors import StaleFenceError
from tests.hosts.site import Site
from tests.support.actors import SLACK
from tests.support.server_state import count_event_waiters, count_waiters, start_waiting
from tests.support.waiting import wait_until

LONG = 60.0  # seconds: a lease that nobody waits for
ACK_TIMEOUT = 1.0  # seconds by which a waiter that does not acknowledge its grant delays the next one
HEALED = 4.0 + SLACK  # seconds after which whoever was cut off works on

faults = pytest.mark.parametrize(
    "fault", ["cut", pytest.param("refuse", marks=pytest.mark.slow), pytest.param("unplug", marks=pytest.mark.slow)]
)


@faults
def test_a_holder_is_cut_off_for_less_than_its_lease(site: Site, fault: str) -> None:
    lock = site.ctx.Lock(lease=10.0)
    holder, waiter = site.clerk(site.one, lock), site.clerk(site.two, lock)
    holder.call("acquire")
    start_waiting(lock, [waiter])
    held_for = time.monotonic() + 13.0
    holder.begin("hold", 13.0)
    getattr(site.one, fault)()
    assert waiter.blocked(1.5)
    site.one.heal()
    assert holder.result() >= held_for, "it holds on, longer than without a renewal"
    holder.call("release")
    waiter.result()


@faults
def test_a_holder_is_cut_off_for_more_than_its_lease(site: Site, fault: str) -> None:
    lock = site.ctx.Lock(lease=2.0)
    holder, waiter = site.clerk(site.one, lock), site.clerk(site.two, lock)
    holder.call("acquire")
    assert holder.call("sell") == 99
    start_waiting(lock, [waiter])
    holder.begin("hold")
    cut = time.monotonic()
    getattr(site.one, fault)()
    let_in = waiter.result()
    assert let_in - cut < 2.0 + SLACK
    assert holder.result() < let_in, "it knew before"
    assert waiter.call("sell") == 98
    site.one.heal()
    with pytest.raises(StaleFenceError):
        holder.call("sell")
    with pytest.raises(LeaseLostError):
        holder.call("release")
    holder.begin("acquire")
    wait_until(lambda: count_waiters(lock) == 1, HEALED)
    waiter.call("release")
    holder.result()
    assert holder.call("sell") == 97


@faults
def test_a_waiter_is_cut_off_when_its_turn_comes(site: Site, fault: str) -> None:
    lock = site.ctx.Lock(lease=LONG)
    holder, cut_off, waiter = (site.clerk(host, lock) for host in site.hosts)
    holder.call("acquire")
    start_waiting(lock, [cut_off, waiter])
    getattr(site.two, fault)()
    released = holder.call("release")
    assert waiter.result() - released < ACK_TIMEOUT + SLACK
    healed = time.monotonic()
    site.two.heal()
    waiter.call("release")
    assert cut_off.result() - healed < HEALED
    assert cut_off.call("sell") == 99


@faults
def test_one_that_waits_for_an_event_is_cut_off_when_it_is_set(site: Site, fault: str) -> None:
    event = site.ctx.Event()
    waiter = site.one.actor(event)
    waiter.begin("wait")
    wait_until(lambda: count_event_waiters(event) == 1)
    getattr(site.one, fault)()
    event.set()
    assert waiter.blocked(3.5)
    site.one.heal()
    assert waiter.result(HEALED) is True
