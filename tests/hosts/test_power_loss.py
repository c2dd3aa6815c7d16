"""A host loses power: what its processes held, waited for or were just granted goes to others within a bound."""

from __future__ import annotations

import signal
import time

from tests.hosts.cluster import Cluster
from tests.support.actors import SLACK
from tests.support.server_state import holders, start_waiting, waiting_tokens
from tests.support.waiting import wait_until

LEASE, LONG = 2.0, 60.0  # seconds: one that tests wait for, and one that none does
BOUND = LEASE + SLACK  # after the power is lost, whatever was lost with it
ACK_TIMEOUT = 1.0  # seconds by which a waiter that does not acknowledge its grant delays the next one


def test_host_of_the_holder(cluster: Cluster) -> None:
    lock = cluster.ctx.Lock(lease=LEASE)
    holder, waiter = cluster.seller(cluster.one, lock), cluster.seller(cluster.two, lock)
    holder.call("acquire")
    start_waiting(lock, [waiter])
    power_lost = time.monotonic()
    cluster.one.power_off()
    assert waiter.result() - power_lost < BOUND
    assert waiter.call("sell") == 99


def test_host_of_a_waiter(cluster: Cluster) -> None:
    lock = cluster.ctx.Lock(lease=LONG)
    holder, dead, waiter = (cluster.seller(host, lock) for host in cluster.hosts)
    holder.call("acquire")
    start_waiting(lock, [dead, waiter])
    cluster.two.power_off()
    released = holder.call("release")
    assert waiter.result() - released < ACK_TIMEOUT + SLACK
    assert waiting_tokens(lock) == []


def test_host_of_a_waiter_that_has_just_been_granted(cluster: Cluster) -> None:
    lock = cluster.ctx.Lock(lease=LONG)
    holder, granted, waiter = (cluster.seller(host, lock) for host in cluster.hosts)
    holder.call("acquire")
    start_waiting(lock, [granted, waiter])
    granted.signal(signal.SIGSTOP)
    released = holder.call("release")
    assert len(holders(lock)) == 1, "granted to a paused process"
    cluster.two.power_off()
    assert waiter.result() - released < ACK_TIMEOUT + SLACK


def test_host_of_the_holder_and_the_first_waiter(cluster: Cluster) -> None:
    lock = cluster.ctx.Lock(lease=LEASE)
    holder, dead, waiter = (cluster.seller(host, lock) for host in (cluster.one, cluster.one, cluster.two))
    holder.call("acquire")
    start_waiting(lock, [dead, waiter])
    power_lost = time.monotonic()
    cluster.one.power_off()
    assert waiter.result() - power_lost < BOUND + 0.5 + ACK_TIMEOUT, "the second checks half a second later"


def test_host_of_two_permit_holders(cluster: Cluster) -> None:
    semaphore = cluster.ctx.Semaphore(2, lease=LEASE)
    holders_lost = [cluster.seller(cluster.one, semaphore) for _ in range(2)]
    others = [cluster.seller(host, semaphore) for host in (cluster.two, cluster.three)]
    for holder_lost in holders_lost:
        holder_lost.call("acquire")
    start_waiting(semaphore, others)
    power_lost = time.monotonic()
    cluster.one.power_off()
    for other in others:
        assert other.result() - power_lost < BOUND
        assert len(holders(semaphore)) <= 2


def test_host_of_a_consumer(cluster: Cluster) -> None:
    queue = cluster.ctx.JoinableQueue(lease=LEASE)
    worker, other = cluster.one.actor(queue), cluster.two.actor(queue)
    queue.put("item")
    assert worker.call("get") == "item"
    other.begin("get")
    wait_until(lambda: queue.qsize() == 0)
    power_lost = time.monotonic()
    cluster.one.power_off()
    assert other.result() == "item"
    assert time.monotonic() - power_lost < BOUND
    other.call("task_done")
    queue.join()


def test_host_that_is_powered_on_again(cluster: Cluster) -> None:
    lock = cluster.ctx.Lock(lease=LEASE)
    cluster.seller(cluster.one, lock).call("acquire")
    cluster.one.power_off()
    cluster.one.power_on()
    again = cluster.seller(cluster.one, lock)
    assert again.call("acquire") > 0
    assert again.call("sell") == 99
