"""Handles of locks, semaphores and events: names, pickling, keys on the server and their expiry."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from broker import Context
from broker.engine.handle import INDEX, Handle
from broker.locks.event import Event
from broker.locks.lock import Lock
from broker.locks.semaphore import BoundedSemaphore, Semaphore
from tests.support.server_state import holders
from tests.support.waiting import wait_until

MAX_BYTES = 500


def used_handles(ctx: Context, **options: Any) -> list[Handle]:
    """Return a handle of each kind, with a permit held or the flag set."""
    lock, semaphore, bounded = ctx.Lock(**options), ctx.Semaphore(2, **options), ctx.BoundedSemaphore(2, **options)
    event = ctx.Event(**options)
    for permits in (lock, semaphore, bounded):
        permits.acquire()
    event.set()
    return [lock, semaphore, bounded, event]


def test_handle_pickles_to_few_bytes_without_what_it_holds(ctx: Context) -> None:
    for handle in used_handles(ctx):
        pickled = pickle.dumps(handle)
        assert len(pickled) < MAX_BYTES
        assert b"socket" not in pickled
        copy = pickle.loads(pickled)
        assert type(copy) is type(handle)
        assert copy.name == handle.name


def test_pickled_copy_is_the_same_primitive(ctx: Context) -> None:
    lock, semaphore, bounded, event = (pickle.loads(pickle.dumps(handle)) for handle in used_handles(ctx))
    assert lock.locked()
    assert semaphore.get_value() == bounded.get_value() == 1
    assert event.is_set()


def test_pickled_copy_keeps_its_options(ctx: Context) -> None:
    semaphore = ctx.Semaphore(3, lease=7.5)
    copy = pickle.loads(pickle.dumps(semaphore))
    assert copy.lease == 7.5
    assert copy.get_value() == 3


class Described(Lock):
    def __init__(self, description: str, ctx: Context) -> None:
        self.description = description
        super().__init__(context=ctx)
        self.uses = 1


class Extended(Lock):
    label = "none"

    def __getstate__(self) -> tuple[Any, ...]:
        return (*super().__getstate__(), self.label)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        super().__setstate__((state[0],))
        self.label = state[1]


def test_attributes_of_a_subclass_are_pickled(ctx: Context) -> None:
    described = Described("a door", ctx)
    copy = pickle.loads(pickle.dumps(described))
    assert (copy.name, copy.description, copy.uses) == (described.name, "a door", 1)


def test_a_subclass_decides_on_its_state_as_with_multiprocessing(ctx: Context) -> None:
    extended = Extended(context=ctx)
    extended.label, extended.added = "blue", 3  # type: ignore[attr-defined]
    copy = pickle.loads(pickle.dumps(extended))
    assert (copy.name, copy.label, copy.added) == (extended.name, "blue", 3)


def test_same_name_in_two_contexts_is_the_same_lock(ctx: Context) -> None:
    with Context(ctx.url) as other:
        assert ctx.Lock(name="shared").acquire()
        assert other.Lock(name="shared").acquire(False) is False
        assert other.Lock().acquire(False) is True
        ctx.Lock(name="shared").delete()


def test_same_name_may_be_used_for_each_kind(ctx: Context) -> None:
    handles = used_handles(ctx, name="everything")
    assert len({key for handle in handles for key in handle._keys}) == 3 + 3 + 3 + 3
    for handle in handles:
        handle.delete()


@pytest.mark.parametrize("name", ["x", "zwei Wörter", "a:b", "{tag}", "a}b", "}", "{}", "x" * 300, "\n", "日本"])
def test_keys_of_any_name_share_one_hash_slot(ctx: Context, name: str) -> None:
    for kind in (Lock, Semaphore, BoundedSemaphore, Event):
        handle = kind.at(ctx.url, name)
        assert len({key_slot(key) for key in handle._keys}) == 1
    lock = ctx.Lock(name=name)
    with lock:
        assert len(holders(lock)) == 1
    lock.delete()


def test_idle_keys_expire(ctx: Context, client: redis.Redis) -> None:
    client.flushall()
    handles = used_handles(ctx)
    for handle in handles:
        if isinstance(handle, Semaphore):
            handle.release()
            if not isinstance(handle, BoundedSemaphore):
                handle.release()  # beyond the initial value
    expired = ctx.Lock(lease=0.01)
    expired._get_session().lease_renewer.stop()
    expired.acquire()
    wait_until(lambda: not expired.locked())
    keys = list(client.scan_iter("*"))
    assert len(keys) >= 6
    assert [key for key in keys if client.pttl(key) < 0] == []


def test_closing_a_context_deletes_unnamed_primitives(ctx: Context, client: redis.Redis) -> None:
    client.flushall()
    with Context(ctx.url) as other:
        used_handles(other)
        kept = other.Lock(name="kept")
        with kept:
            pass
    assert {*client.scan_iter("*")} == {kept._key, INDEX}
    assert client.zrange(INDEX, 0, -1) == [kept._key]


def test_closing_one_context_leaves_locks_of_another_held(ctx: Context) -> None:
    lock = ctx.Lock()
    lock.acquire()
    with Context(ctx.url) as other:
        assert other.Lock(name=lock.name).locked()
    assert lock.held
    lock.release()
