"""A primitive without a name goes with its handle, here and on the server, unless others may still use it."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import pickle
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import redis

from broker import Context, Lock
from broker.engine.handle import INDEX
from broker.engine.session import MAX_DELETIONS
from tests.broker.engine.test_memory import USES
from tests.support.actors import Actor

FORK = multiprocessing.get_context("fork")


def pickled(lock: Lock) -> None:
    pickle.dumps(lock)


def copied(lock: Lock) -> None:
    copy.copy(lock)


def named(lock: Lock) -> None:
    assert lock.name


def forked(lock: Lock) -> None:
    child = FORK.Process(target=int)
    child.start()
    child.join()


SHARED = pytest.mark.parametrize("share", [pickled, copied, named, forked])


@pytest.fixture
def own(ctx: Context, client: redis.Redis) -> Context:
    """An emptied server, and a context that has used a lock of this name, which is not dropped."""
    client.flushall()
    request(ctx)
    return ctx


def request(context: Context) -> None:
    Lock("another", context=context).locked()


def keys(client: redis.Redis) -> set[bytes]:
    assert set(client.zrange(INDEX, 0, -1)) <= {*client.scan_iter()}
    return {key for key in client.scan_iter() if b"another" not in key and key != INDEX}


@pytest.mark.parametrize("kind", USES)
def test_it_is_deleted_with_the_next_request(own: Context, client: redis.Redis, kind: str) -> None:
    handle = getattr(own, kind)()
    USES[kind](handle)
    assert keys(client)
    collected = weakref.ref(handle)
    del handle
    assert collected() is None, "nothing else refers to it"
    request(own)
    assert keys(client) == set()


def test_it_is_deleted_while_it_is_held(own: Context, client: redis.Redis) -> None:
    lock, tasks = own.Lock(), own.JoinableQueue()
    lock.acquire()
    tasks.put("x")
    tasks.get()
    del lock, tasks
    request(own)
    assert keys(client) == set()


def test_it_is_deleted_when_its_context_is_closed(ctx: Context, client: redis.Redis) -> None:
    client.flushall()
    with Context(ctx.url) as context:
        USES["Lock"](context.Lock())
        assert keys(client)
    assert keys(client) == set()


@SHARED
def test_what_others_may_use_stays_until_its_context_is_closed(
    ctx: Context, client: redis.Redis, share: Callable[[Lock], None]
) -> None:
    client.flushall()
    with Context(ctx.url) as context:
        lock = context.Lock()
        USES["Lock"](lock)
        share(lock)
        collected = weakref.ref(lock)
        del lock
        assert collected() is None, "only what is needed to delete it stays in memory"
        request(context)
        assert keys(client)
    assert keys(client) == set()


def test_another_process_goes_on_using_it(own: Context, process: Callable[[object], Actor]) -> None:
    lock = own.Lock()
    holder = process(lock)
    assert holder.call("acquire")
    del lock
    request(own)
    assert holder.call("held")
    assert holder.call("release") is None


def test_one_that_was_unpickled_deletes_nothing(own: Context, client: redis.Redis) -> None:
    lock = own.Lock()
    USES["Lock"](lock)
    USES["Lock"](pickle.loads(pickle.dumps(lock)))
    request(own)
    assert keys(client) == {lock._key}


def test_one_with_a_name_stays(own: Context, client: redis.Redis) -> None:
    USES["Lock"](own.Lock(name="a name"))
    request(own)
    assert keys(client) == {b"broker:{lock:a name}"}


def test_one_that_was_not_used_needs_no_request(own: Context, client: redis.Redis) -> None:
    client.config_resetstat()
    own.Lock()
    request(own)
    assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == 1


def test_those_of_a_loop_do_not_add_up(own: Context, client: redis.Redis) -> None:
    for _ in range(50):
        USES["Queue"](own.Queue())
        assert len({key for key in keys(client) if key.endswith(b"}")}) <= 2


def test_many_that_are_collected_at_once_go_with_several_requests(own: Context, client: redis.Redis) -> None:
    count = 10 * MAX_DELETIONS
    locks: list[Any] = [own.Lock() for _ in range(count)]
    for lock in locks:
        lock.cycle = lock
        USES["Lock"](lock)
    del lock
    locks.clear()
    collector = threading.Thread(target=gc.collect)
    collector.start()
    for _ in range(10):
        request(own)
    collector.join()
    for _ in range(10):
        request(own)
    assert keys(client) == set()


def test_a_connection_that_is_broken_deletes_it_later(own: Context, client: redis.Redis) -> None:
    USES["Lock"](own.Lock())
    client.client_kill_filter(_type="normal", skipme=True)
    request(own)
    request(own)
    request(own)
    assert keys(client) == set()
