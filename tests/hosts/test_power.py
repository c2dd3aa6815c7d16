"""A host loses power. What its actors had, waited for or were being granted goes to the living in time."""

from __future__ import annotations

import signal
import time

from tests.hosts.site import Site
from tests.support.actors import SLACK
from tests.support.server_state import holders, start_waiting, waiting_tokens
from tests.support.waiting import wait_until

LEASE, LONG = 2.0, 60.0  # seconds: one that tests wait for, and one that none does
BOUND = LEASE + SLACK  # after the power is lost, whatever was lost with it
ACK_TIMEOUT = 1.0  # seconds by which a waiter that does not acknowledge its grant delays the next one


def test_the_holder_s_host(site: Site) -> None:
    lock = site.ctx.Lock(lease=LEASE)
    holder, waiter = site.clerk(site.one, lock), site.clerk(site.two, lock)
    holder.call("acquire")
    start_waiting(lock, [waiter])
    off = time.monotonic()
    site.one.power_off()
    assert waiter.result() - off < BOUND
    assert waiter.call("sell") == 99


def test_the_host_of_one_that_waits(site: Site) -> None:
    lock = site.ctx.Lock(lease=LONG)
    holder, dead, waiter = (site.clerk(host, lock) for host in site.hosts)
    holder.call("acquire")
    start_waiting(lock, [dead, waiter])
    site.two.power_off()
    released = holder.call("release")
    assert waiter.result() - released < ACK_TIMEOUT + SLACK
    assert waiting_tokens(lock) == []


def test_the_host_of_one_that_is_being_granted(site: Site) -> None:
    lock = site.ctx.Lock(lease=LONG)
    holder, granted, waiter = (site.clerk(host, lock) for host in site.hosts)
    holder.call("acquire")
    start_waiting(lock, [granted, waiter])
    granted.signal(signal.SIGSTOP)
    released = holder.call("release")
    assert len(holders(lock)) == 1, "it has the grant, and cannot know"
    site.two.power_off()
    assert waiter.result() - released < ACK_TIMEOUT + SLACK


def test_the_host_of_the_holder_and_of_the_next_in_line(site: Site) -> None:
    lock = site.ctx.Lock(lease=LEASE)
    holder, dead, waiter = (site.clerk(host, lock) for host in (site.one, site.one, site.two))
    holder.call("acquire")
    start_waiting(lock, [dead, waiter])
    off = time.monotonic()
    site.one.power_off()
    assert waiter.result() - off < BOUND + 0.5 + ACK_TIMEOUT, "half a second, since nobody looks before it does"


def test_the_host_of_guests_in_a_room(site: Site) -> None:
    rooms = site.ctx.Semaphore(2, lease=LEASE)
    guests = [site.clerk(site.one, rooms) for _ in range(2)]
    others = [site.clerk(host, rooms) for host in (site.two, site.three)]
    for guest in guests:
        guest.call("acquire")
    start_waiting(rooms, others)
    off = time.monotonic()
    site.one.power_off()
    for other in others:
        assert other.result() - off < BOUND
        assert len(holders(rooms)) <= 2


def test_the_host_of_one_that_has_an_item(site: Site) -> None:
    queue = site.ctx.JoinableQueue(lease=LEASE)
    worker, other = site.one.actor(queue), site.two.actor(queue)
    queue.put("item")
    assert worker.call("get") == "item"
    other.begin("get")
    wait_until(lambda: queue.qsize() == 0)
    off = time.monotonic()
    site.one.power_off()
    assert other.result() == "item"
    assert time.monotonic() - off < BOUND
    other.call("task_done")
    queue.join()


def test_a_host_that_is_back_works_on(site: Site) -> None:
    lock = site.ctx.Lock(lease=LEASE)
    site.clerk(site.one, lock).call("acquire")
    site.one.power_off()
    site.one.power_on()
    again = site.clerk(site.one, lock)
    assert again.call("acquire") > 0
    assert again.call("sell") == 99
