"""Requests and replies of locks, semaphores and events get lost: each call takes effect exactly once."""

from __future__ import annotations

import pytest

from broker import BrokerError, Context, LeaseLostError
from broker.engine.shared_scripts import RELEASE, RENEW
from broker.locks.event import CLEAR, READ, SET
from broker.locks.lock import Lock
from broker.locks.permits import ACQUIRE, ADD_PERMIT
from tests.support.actors import Actors
from tests.support.proxy import Fault, Proxy
from tests.support.server_state import count_waiters, holders, run_command
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("fault", Fault)


def test_acquire(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault) -> None:
    lock = proxied.Lock()
    proxy.inject(ACQUIRE, fault)
    assert lock.acquire() is True
    assert proxy.all_injected
    assert len(holders(lock)) == 1
    assert lock.held
    assert ctx.Lock(name=lock.name).acquire(False) is False
    lock.release()
    assert holders(lock) == []


def test_acquire_takes_one_permit_only(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    semaphore = proxied.Semaphore(3)
    proxy.inject(ACQUIRE, fault)
    assert semaphore.acquire()
    assert proxy.all_injected
    assert semaphore.get_value() == 2, "one permit was taken, not two"


def test_acquire_that_waits(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault, actors: Actors) -> None:
    lock = proxied.Lock()
    direct = ctx.Lock(name=lock.name)
    direct.acquire()
    waiter = actors.thread(lock)
    assert waiter.call("acquire", timeout=0.01) is False  # it is now subscribed, so its next request joins the queue
    proxy.inject(ACQUIRE, fault)
    waiter.begin("acquire")
    wait_until(lambda: proxy.all_injected and count_waiters(direct) == 1)
    direct.release()
    assert waiter.result() is True
    waiter.call("release")
    assert direct.acquire(False)


def test_release(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault) -> None:
    lock = proxied.Lock()
    lock.acquire()
    proxy.inject(RELEASE, fault)
    assert lock.release() is None
    assert proxy.all_injected
    assert ctx.Lock(name=lock.name).acquire(False) is True


def test_late_copy_of_an_acquire_takes_nothing_after_the_release(
    proxy: Proxy, proxied: Context, ctx: Context, fault: Fault
) -> None:
    lock = proxied.Lock()
    direct = ctx.Lock(name=lock.name)
    proxy.inject(ACQUIRE, fault)
    lock.acquire()
    [token] = holders(lock)
    lock.release()
    _deliver_late_copy(direct, token)
    assert direct.acquire(False)


def test_late_copy_of_an_acquire_that_gave_up_takes_nothing(
    proxy: Proxy, proxied: Context, ctx: Context, fault: Fault
) -> None:
    lock = proxied.Lock()
    direct = ctx.Lock(name=lock.name)
    direct.acquire()
    proxy.inject(ACQUIRE, fault)
    assert not lock.acquire(False)
    assert proxy.all_injected
    direct.release()
    [record] = run_command(direct, b"ZRANGE", direct._keys[2], b"0", b"-1")
    _deliver_late_copy(direct, record.removeprefix(b"withdrawn "))
    assert direct.acquire(False)


def _deliver_late_copy(lock: Lock, token: bytes) -> None:
    with pytest.raises(BrokerError, match="WITHDRAWN"):
        lock._run(lock._acquire_script, token, b"0")


def test_acquire_and_release_leave_no_record(ctx: Context, fault: Fault) -> None:
    lock = ctx.Lock()
    lock.acquire()
    lock.release()
    assert run_command(lock, b"EXISTS", lock._keys[2]) == 0


def test_release_after_lost_lease_still_raises(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault) -> None:
    lock = proxied.Lock(lease=0.2)
    lock.acquire()
    lock._get_session().lease_renewer.stop()
    assert ctx.Lock(name=lock.name).acquire() is True
    proxy.inject(RELEASE, fault)
    with pytest.raises(LeaseLostError):
        lock.release()
    assert proxy.all_injected
    assert len(holders(lock)) == 1, "the other holder still holds it"


def test_renew(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault) -> None:
    lock = proxied.Lock(lease=1.5)
    lock.acquire()
    token = holders(lock)[0]
    first = run_command(lock, b"HGET", lock._keys[0], token)
    proxy.inject(RENEW, fault)
    wait_until(lambda: proxy.all_injected and run_command(lock, b"HGET", lock._keys[0], token) != first)
    renewed = run_command(lock, b"HGET", lock._keys[0], token)
    wait_until(lambda: run_command(lock, b"HGET", lock._keys[0], token) != renewed)
    assert lock.held
    lock.release()


def test_release_that_adds_a_permit(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    semaphore = proxied.Semaphore(0)
    proxy.inject(ADD_PERMIT, fault)
    semaphore.release()
    assert proxy.all_injected
    assert semaphore.get_value() == 1, "one release adds one permit"


def test_event_set_and_clear(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault) -> None:
    event = proxied.Event()
    direct = ctx.Event(name=event.name)
    proxy.inject(SET, fault)
    event.set()
    assert proxy.all_injected
    assert direct.is_set()
    proxy.inject(CLEAR, fault)
    event.clear()
    assert proxy.all_injected
    assert not direct.is_set()


def test_event_wait(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault, actors: Actors) -> None:
    event = ctx.Event()
    waiter = actors.thread(proxied.Event(name=event.name))
    proxy.inject(READ, fault)
    waiter.begin("wait")
    wait_until(lambda: proxy.all_injected)
    event.set()
    assert waiter.result() is True
