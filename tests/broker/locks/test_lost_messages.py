"""Requests and replies get lost; nothing happens twice, and nothing that happened is forgotten."""

from __future__ import annotations

import pytest

from broker import Context, LeaseLostError
from broker.engine.shared_scripts import RELEASE, RENEW
from broker.locks.event import CLEAR, READ, SET
from broker.locks.permits import ACQUIRE, ADD_PERMIT
from tests.support.actors import Cast
from tests.support.clock import eventually
from tests.support.inside import ask, holders, queue_length
from tests.support.proxy import Fault, Proxy

pytestmark = pytest.mark.parametrize("fault", Fault)


def test_acquire(proxy: Proxy, far: Context, ctx: Context, fault: Fault) -> None:
    lock = far.Lock()
    proxy.plan(ACQUIRE, fault)
    assert lock.acquire() is True
    assert proxy.struck
    assert len(holders(lock)) == 1
    assert lock.held
    assert ctx.Lock(name=lock.name).acquire(False) is False
    lock.release()
    assert holders(lock) == []


def test_acquire_of_several_permits(proxy: Proxy, far: Context, fault: Fault) -> None:
    semaphore = far.Semaphore(3)
    proxy.plan(ACQUIRE, fault)
    assert semaphore.acquire()
    assert proxy.struck
    assert semaphore.get_value() == 2, "one permit was taken, not two"


def test_acquire_by_a_waiter(proxy: Proxy, far: Context, ctx: Context, fault: Fault, cast: Cast) -> None:
    lock = far.Lock()
    near = ctx.Lock(name=lock.name)
    near.acquire()
    waiter = cast.thread(lock)
    assert waiter.call("acquire", timeout=0.01) is False  # from now on it listens, and its next request queues
    proxy.plan(ACQUIRE, fault)
    waiter.begin("acquire")
    eventually(lambda: proxy.struck and queue_length(near) == 1)
    near.release()
    assert waiter.result() is True
    waiter.call("release")
    assert near.acquire(False)


def test_release(proxy: Proxy, far: Context, ctx: Context, fault: Fault) -> None:
    lock = far.Lock()
    lock.acquire()
    proxy.plan(RELEASE, fault)
    assert lock.release() is None
    assert proxy.struck
    assert ctx.Lock(name=lock.name).acquire(False) is True


def test_release_of_what_was_lost_is_still_an_error(proxy: Proxy, far: Context, ctx: Context, fault: Fault) -> None:
    lock = far.Lock(lease=0.2)
    lock.acquire()
    lock._here().keeper.stop()
    assert ctx.Lock(name=lock.name).acquire() is True
    proxy.plan(RELEASE, fault)
    with pytest.raises(LeaseLostError):
        lock.release()
    assert proxy.struck
    assert len(holders(lock)) == 1, "the other one still holds it"


def test_renew(proxy: Proxy, far: Context, ctx: Context, fault: Fault) -> None:
    lock = far.Lock(lease=1.5)
    lock.acquire()
    token = holders(lock)[0]
    first = ask(lock, b"HGET", lock._keys[0], token)
    proxy.plan(RENEW, fault)
    eventually(lambda: proxy.struck and ask(lock, b"HGET", lock._keys[0], token) != first)
    before = ask(lock, b"HGET", lock._keys[0], token)
    eventually(lambda: ask(lock, b"HGET", lock._keys[0], token) != before)
    assert lock.held
    lock.release()


def test_semaphore_add(proxy: Proxy, far: Context, fault: Fault) -> None:
    semaphore = far.Semaphore(0)
    proxy.plan(ADD_PERMIT, fault)
    semaphore.release()
    assert proxy.struck
    assert semaphore.get_value() == 1, "one release adds one permit"


def test_event_set_and_clear(proxy: Proxy, far: Context, ctx: Context, fault: Fault) -> None:
    event = far.Event()
    near = ctx.Event(name=event.name)
    proxy.plan(SET, fault)
    event.set()
    assert proxy.struck
    assert near.is_set()
    proxy.plan(CLEAR, fault)
    event.clear()
    assert proxy.struck
    assert not near.is_set()


def test_event_wait(proxy: Proxy, far: Context, ctx: Context, fault: Fault, cast: Cast) -> None:
    event = ctx.Event()
    waiter = cast.thread(far.Event(name=event.name))
    proxy.plan(READ, fault)
    waiter.begin("wait")
    eventually(lambda: proxy.struck)
    event.set()
    assert waiter.result() is True
