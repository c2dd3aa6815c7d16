"""Handles are names: small to send, the same primitive everywhere, and nothing of them stays for ever."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from broker import Context
from broker.engine.handle import Handle
from broker.locks.event import Event
from broker.locks.lock import Lock
from broker.locks.semaphore import BoundedSemaphore, Semaphore
from tests.support.server_state import holders

MOST_BYTES = 500


def used(ctx: Context, **options: Any) -> list[Handle]:
    """One of each, with a permit held and a socket open."""
    lock, semaphore, bounded = ctx.Lock(**options), ctx.Semaphore(2, **options), ctx.BoundedSemaphore(2, **options)
    event = ctx.Event(**options)
    for permits in (lock, semaphore, bounded):
        permits.acquire()
    event.set()
    return [lock, semaphore, bounded, event]


def test_a_handle_pickles_small_and_without_a_holding(ctx: Context) -> None:
    for handle in used(ctx):
        pickled = pickle.dumps(handle)
        assert len(pickled) < MOST_BYTES
        assert b"socket" not in pickled
        copy = pickle.loads(pickled)
        assert type(copy) is type(handle)
        assert copy.name == handle.name


def test_a_pickled_copy_is_the_same_primitive(ctx: Context) -> None:
    lock, semaphore, bounded, event = (pickle.loads(pickle.dumps(handle)) for handle in used(ctx))
    assert lock.locked()
    assert semaphore.get_value() == bounded.get_value() == 1
    assert event.is_set()


def test_a_copy_keeps_its_options(ctx: Context) -> None:
    semaphore = ctx.Semaphore(3, lease=7.5)
    copy = pickle.loads(pickle.dumps(semaphore))
    assert copy.lease == 7.5
    assert copy.get_value() == 3


def test_a_name_means_the_same_in_two_contexts_and_is_new_without(ctx: Context) -> None:
    with Context(ctx.url) as other:
        assert ctx.Lock(name="shared").acquire()
        assert other.Lock(name="shared").acquire(False) is False
        assert other.Lock().acquire(False) is True
        ctx.Lock(name="shared").delete()


def test_one_name_may_be_a_lock_a_semaphore_and_an_event(ctx: Context) -> None:
    handles = used(ctx, name="everything")
    assert len({key for handle in handles for key in handle._keys}) == 3 + 3 + 3 + 2
    for handle in handles:
        handle.delete()


@pytest.mark.parametrize("name", ["x", "zwei Wörter", "a:b", "{tag}", "a}b", "}", "{}", "x" * 300, "\n", "日本"])
def test_any_name_works_and_keeps_its_keys_in_one_slot(ctx: Context, name: str) -> None:
    for kind in (Lock, Semaphore, BoundedSemaphore, Event):
        handle = kind.at(ctx.url, name)
        assert len({key_slot(key) for key in handle._keys}) == 1
    lock = ctx.Lock(name=name)
    with lock:
        assert len(holders(lock)) == 1
    lock.delete()


def test_every_key_expires_when_it_is_idle(ctx: Context, client: redis.Redis) -> None:
    client.flushall()
    for handle in used(ctx):
        if isinstance(handle, Semaphore):
            handle.release()
            if not isinstance(handle, BoundedSemaphore):
                handle.release()  # one more than it began with
    lost = ctx.Lock(lease=0.01)
    lost._get_session().lease_renewer.stop()
    lost.acquire()
    while lost.locked():
        pass
    keys = list(client.scan_iter("*"))
    assert len(keys) >= 6
    assert [key for key in keys if client.pttl(key) < 0] == []


def test_closing_a_context_deletes_what_had_no_name(ctx: Context, client: redis.Redis) -> None:
    client.flushall()
    with Context(ctx.url) as other:
        used(other)
        kept = other.Lock(name="kept")
        with kept:
            pass
    assert {key.split(b"{")[1].split(b"}")[0] for key in client.scan_iter("*")} == {b"lock:kept"}


def test_closing_one_context_leaves_another_one_what_it_holds(ctx: Context) -> None:
    lock = ctx.Lock()
    lock.acquire()
    with Context(ctx.url) as other:
        assert other.Lock(name=lock.name).locked()
    assert lock.held
    lock.release()
