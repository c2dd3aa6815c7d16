"""The server's host is cut off and restored; the server is killed and restarted, with its data and without."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from broker import LeaseLostError
from lab.errors import StaleFenceError
from tests.hosts.cluster import STOCK, Cluster
from tests.hosts.faults import faults
from tests.support.actors import SLACK, Actor
from tests.support.server_state import start_waiting

RECOVERY = 4.0 + SLACK  # seconds within which all clients continue


@faults
def test_outage_shorter_than_a_lease_changes_nothing(cluster: Cluster, fault: str) -> None:
    lock = cluster.ctx.Lock(lease=10.0)
    holder, waiter = cluster.seller(cluster.one, lock), cluster.seller(cluster.two, lock)
    holder.call("acquire")
    start_waiting(lock, [waiter])
    held_for = time.monotonic() + 13.0
    holder.begin("hold", 13.0)
    getattr(cluster.server_host, fault)()
    assert waiter.blocked(1.5)
    cluster.server_host.restore_network()
    assert holder.result() >= held_for, "it was held for longer than one lease"
    released = holder.call("release")
    assert waiter.result() - released < RECOVERY
    assert waiter.call("sell") == 99


@faults
def test_outage_longer_than_a_lease(cluster: Cluster, fault: str) -> None:
    """The holder knows that it may have lost the lock; afterwards the first client that requests it gets it."""
    lock = cluster.ctx.Lock(lease=2.0)
    holder, waiter = cluster.seller(cluster.one, lock), cluster.seller(cluster.two, lock)
    holder.call("acquire")
    start_waiting(lock, [waiter])
    holder.begin("hold")
    getattr(cluster.server_host, fault)()
    away = time.monotonic()
    assert holder.result() - away < 2.0
    assert waiter.blocked(1.0)
    restored = time.monotonic()
    cluster.server_host.restore_network()
    sold = succeeds(holder, "sell", StaleFenceError)
    succeeds(holder, "release", LeaseLostError)
    assert waiter.result() - restored < RECOVERY
    assert waiter.call("sell") == 99 - sold


def restart(cluster: Cluster) -> None:
    cluster.server.kill()
    cluster.server.start()


def lose_power(cluster: Cluster) -> None:
    cluster.server_host.power_off()
    cluster.server_host.power_on()
    cluster.server.start()


always = pytest.mark.server(appendonly="yes", appendfsync="always")
everysec = pytest.mark.server(appendonly="yes", appendfsync="everysec")
with_data = [
    pytest.param(restart, marks=always),
    pytest.param(restart, marks=[everysec, pytest.mark.slow]),
    pytest.param(lose_power, marks=[always, pytest.mark.slow]),
]


@pytest.mark.parametrize("fail", with_data)
def test_restart_with_data(cluster: Cluster, fail: Callable[[Cluster], None]) -> None:
    """The lease has survived, so no other client gets the lock, and the order of the waiters is kept."""
    lock, event = cluster.ctx.Lock(lease=10.0), cluster.ctx.Event()
    holder, second, third = (cluster.seller(host, lock) for host in cluster.hosts)
    listener = cluster.three.actor(event)
    holder.call("acquire")
    start_waiting(lock, [second, third])
    start_waiting(event, [listener], "wait")
    held_for = time.monotonic() + 13.0
    holder.begin("hold", 13.0)
    fail(cluster)
    event.set()
    assert listener.result(RECOVERY) is True
    assert holder.result() >= held_for, "it was held for longer than one lease"
    assert second.blocked()
    assert sell_in_turn([holder, second, third]) == [99, 98, 97]


@pytest.mark.parametrize("fail", [restart, lose_power])
def test_restart_without_data(cluster: Cluster, fail: Callable[[Cluster], None]) -> None:
    """Waiters request again; the holder learns that it has lost the lock, and can sell nothing any more."""
    lock, event = cluster.ctx.Lock(lease=2.0), cluster.ctx.Event()
    holder, waiter = cluster.seller(cluster.one, lock), cluster.seller(cluster.two, lock)
    listener = cluster.three.actor(event)
    holder.call("acquire")
    fence = holder.call("fence")
    start_waiting(lock, [waiter])
    start_waiting(event, [listener], "wait")
    fail(cluster)
    cluster.db.create(STOCK)
    event.set()
    assert listener.result(RECOVERY) is True
    assert waiter.result(RECOVERY) > 0
    assert waiter.call("sell") == 99
    assert waiter.call("fence") > fence
    with pytest.raises(StaleFenceError):
        holder.call("sell")
    assert holder.call("hold") < time.monotonic()
    with pytest.raises(LeaseLostError):
        holder.call("release")
    start_waiting(lock, [holder])
    assert sell_in_turn([waiter, holder]) == [98, 97]


def sell_in_turn(sellers: list[Actor]) -> list[int]:
    """Let each seller sell and release, the first at once, the others when they get the lock; return what was left."""
    left = []
    for number, seller in enumerate(sellers):
        if number:
            seller.result()
        left.append(seller.call("sell"))
        seller.call("release")
    return left


def succeeds(seller: Actor, call: str, refusal: type[Exception]) -> bool:
    try:
        seller.call(call)
    except refusal:
        return False
    return True
