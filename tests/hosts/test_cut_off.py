"""A host is cut off for less and for more than a lease, by lost packets, reset connections or a link that is down."""

from __future__ import annotations

import time

import pytest

from broker import LeaseLostError
from lab.errors import StaleFenceError
from tests.hosts.cluster import Cluster
from tests.hosts.faults import faults
from tests.support.actors import SLACK
from tests.support.server_state import count_event_waiters, count_waiters, start_waiting
from tests.support.waiting import wait_until

LONG = 60.0  # seconds: a lease that no test waits for
ACK_TIMEOUT = 1.0  # seconds by which a waiter that does not acknowledge its grant delays the next one
RECOVERY = 4.0 + SLACK  # seconds within which the host that was cut off continues


@faults
def test_holder_cut_off_for_less_than_its_lease(cluster: Cluster, fault: str) -> None:
    lock = cluster.ctx.Lock(lease=10.0)
    holder, waiter = cluster.seller(cluster.one, lock), cluster.seller(cluster.two, lock)
    holder.call("acquire")
    start_waiting(lock, [waiter])
    held_for = time.monotonic() + 13.0
    holder.begin("hold", 13.0)
    getattr(cluster.one, fault)()
    assert waiter.blocked(1.5)
    cluster.one.restore_network()
    assert holder.result() >= held_for, "it was held for longer than one lease"
    holder.call("release")
    waiter.result()


@faults
def test_holder_cut_off_for_more_than_its_lease(cluster: Cluster, fault: str) -> None:
    lock = cluster.ctx.Lock(lease=2.0)
    holder, waiter = cluster.seller(cluster.one, lock), cluster.seller(cluster.two, lock)
    holder.call("acquire")
    assert holder.call("sell") == 99
    start_waiting(lock, [waiter])
    holder.begin("hold")
    cut = time.monotonic()
    getattr(cluster.one, fault)()
    granted_at = waiter.result()
    assert granted_at - cut < 2.0 + SLACK
    assert holder.result() < granted_at, "the holder knew it before"
    assert waiter.call("sell") == 98
    cluster.one.restore_network()
    with pytest.raises(StaleFenceError):
        holder.call("sell")
    with pytest.raises(LeaseLostError):
        holder.call("release")
    holder.begin("acquire")
    wait_until(lambda: count_waiters(lock) == 1, RECOVERY)
    waiter.call("release")
    holder.result()
    assert holder.call("sell") == 97


@faults
def test_waiter_cut_off_when_it_is_granted(cluster: Cluster, fault: str) -> None:
    lock = cluster.ctx.Lock(lease=LONG)
    holder, cut_off, waiter = (cluster.seller(host, lock) for host in cluster.hosts)
    holder.call("acquire")
    start_waiting(lock, [cut_off, waiter])
    getattr(cluster.two, fault)()
    released = holder.call("release")
    assert waiter.result() - released < ACK_TIMEOUT + SLACK
    restored = time.monotonic()
    cluster.two.restore_network()
    waiter.call("release")
    assert cut_off.result() - restored < RECOVERY
    assert cut_off.call("sell") == 99


@faults
def test_waiter_cut_off_when_its_event_is_set(cluster: Cluster, fault: str) -> None:
    event = cluster.ctx.Event()
    waiter = cluster.one.actor(event)
    waiter.begin("wait")
    wait_until(lambda: count_event_waiters(event) == 1)
    getattr(cluster.one, fault)()
    event.set()
    assert waiter.blocked(3.5)
    cluster.one.restore_network()
    assert waiter.result(RECOVERY) is True
