"""Managers: what they create is shared, lasts as long as they do, and is changed once by each call."""

from __future__ import annotations

import contextlib
import pickle
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import redis

import broker
from broker import Context, DataLostError
from broker.engine import expiring_handle
from broker.managers.keys import field_of
from broker.managers.stores import (
    LIST_READ,
    LIST_REPLACE,
    LIST_SPLICE,
    MAPPING_PUT,
    MAPPING_REMOVE,
    MAPPING_SELECT,
    MAPPING_SET,
    MISSING,
)
from broker.transport.connection import Connection
from broker.transport.scripts import Script
from tests.support.actors import TIMEOUT, Actor
from tests.support.proxy import Fault, Proxy

FAULTS = pytest.mark.parametrize("fault", Fault)


def test_processes_share_containers(ctx: Context, process: Callable[[object], Actor]) -> None:
    with ctx.Manager() as manager:
        numbers, names = manager.list([1]), manager.dict(x=1)
        other, another = process(numbers), process(names)
        other.call("append", 2)
        another.call("update", y=2)
        assert (numbers[:], names.copy()) == ([1, 2], {"x": 1, "y": 2})
        numbers.append(3)
        assert other.call("pop", 0) == 1
        assert other.call("_getvalue") == [2, 3]
        del names["x"]
        assert another.call("keys") == ["y"]
        assert len(pickle.dumps(names)) < 400


def test_nested_containers_and_primitives(ctx: Context, process: Callable[[object], Actor]) -> None:
    with ctx.Manager() as manager:
        inner = manager.list([1])
        outer = manager.dict(inner=inner, items=manager.Queue(), lock=manager.Lock(), plain=[1])
        del inner
        other = process(outer)
        other.call("__getitem__", "inner").append(2)
        outer["items"].put("x")
        assert (outer["inner"][:], other.call("get", "items").get()) == ([1, 2], "x")
        with outer["lock"]:
            assert other.call("__getitem__", "lock").acquire(block=False) is False
        outer["plain"].append(2)
        assert outer["plain"] == [1], "a copy was changed"
        changed = outer["plain"]
        changed.append(2)
        outer["plain"] = changed
        assert other.call("get", "plain") == [1, 2]
        looped = manager.list()
        looped.append(looped)
        assert len(looped[0][0]) == 1


@pytest.mark.parametrize("kind", ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition"])
def test_arguments_of_acquire_in_multiprocessing(ctx: Context, kind: str, process: Callable[[object], Actor]) -> None:
    with ctx.Manager() as manager:
        permits = getattr(manager, kind)()
        other = process(permits)
        assert permits.acquire(blocking=True, timeout=TIMEOUT)
        assert [other.call("acquire", blocking=False), other.call("acquire", block=False)] == [False, False]
        permits.release()


def append_often(items: Any, counts: Any, times: int) -> None:
    for number in range(times):
        items.append(number)
        counts.setdefault(number, 0)
        items.sort()


def test_no_change_of_several_processes_is_lost(ctx: Context) -> None:
    with ctx.Manager() as manager:
        items, counts = manager.list(), manager.dict()
        children = [ctx.Process(target=append_often, args=(items, counts, 10)) for _ in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join(TIMEOUT)
        assert items[:] == sorted([*range(10)] * 3)
        assert counts.copy() == dict.fromkeys(range(10), 0)


def test_shutdown_deletes_what_the_manager_created(ctx: Context, client: redis.Redis) -> None:
    client.flushall()
    kept = ctx.Lock()
    kept.locked()
    with ctx.Manager() as manager:
        numbers = manager.list([manager.dict(x=1), manager.Value("i", 5)])
        pickle.dumps(numbers)
        lock = manager.Lock()
        lock.locked()
        assert len({*client.scan_iter("broker:{*")}) > 6
    assert {*client.scan_iter("broker:{*")} == {kept._key}
    for access in (lambda: numbers[0], lambda: numbers.append(1), lambda: len(numbers)):
        with pytest.raises(DataLostError):
            access()
    manager.join()
    left = ctx.Manager().dict(x=1)
    pickle.dumps(left)
    ctx.close()
    assert not client.keys("broker:{*")


def test_unnamed_container_goes_with_its_proxy(ctx: Context, client: redis.Redis) -> None:
    client.flushall()
    with ctx.Manager() as manager:
        manager.list([1])
        manager.dict(x=manager.list([1]))
        ctx.Lock().locked()
        ctx.Lock().locked()
        assert len(client.keys("broker:{dict*")) == 0
        assert len(client.keys("broker:{list*")) == 2, "it was pickled, so somebody may have it"


def test_containers_expire_unless_they_are_used(
    ctx: Context, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiring_handle, "RENEWAL_INTERVAL", 0.0)
    manager = ctx.Manager()
    week = 7 * 86_400_000
    for proxy in (manager.list([1]), manager.dict(x=1)):
        state, *data = proxy._store._keys
        for change in (lambda: proxy._getvalue(), lambda: proxy.pop(*(["x"] if proxy._store._kind == "dict" else []))):  # noqa: B023
            assert week - 60_000 < client.pttl(state) <= week
            assert all(client.pttl(key) > week for key in data)
            client.pexpire(state, 1000_000)
            change()
            data = []
        client.hset(state, "touched", 5)
        proxy.append(2) if hasattr(proxy, "append") else proxy.update(x=2)
        assert all(client.pttl(key) > week - 60_000 for key in proxy._store._keys)


def count_commands(client: redis.Redis, names: Iterable[str]) -> list[int]:
    calls = client.info("commandstats")
    return [calls.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in names]


@pytest.mark.parametrize("key", ["x", "missing", "created", 5])
def test_reading_a_key_is_one_command(ctx: Context, client: redis.Redis, key: Any) -> None:
    names = ctx.Manager().dict(x=1)
    names.get(key)
    before = count_commands(client, ("hmget", "evalsha", "eval"))
    assert names.get(key) == (1 if key == "x" else None)
    after = count_commands(client, ("hmget", "evalsha", "eval"))
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 0, 0]


def test_reading_a_key_renews_the_expiry_from_time_to_time(ctx: Context, client: redis.Redis) -> None:
    names = ctx.Manager().dict(x=1)
    state = names._store._key
    client.pexpire(state, 1000_000)
    assert names["x"] == 1
    assert client.pttl(state) <= 1000_000
    names._store._renew_at = 0.0  # as after some minutes
    assert names["x"] == 1
    assert client.pttl(state) > 6 * 86_400_000
    assert names._store._renew_at > 0.0


@pytest.mark.parametrize("kind", ["list", "dict"])
def test_a_change_that_finds_nothing_to_change_is_use(ctx: Context, client: redis.Redis, kind: str) -> None:
    manager = ctx.Manager()
    numbers, names = manager.list(), manager.dict(x=1)
    proxy, uses = {
        "list": (numbers, [lambda: numbers.pop(), lambda: len(numbers)]),
        "dict": (names, [lambda: names.setdefault("x", 2), lambda: names.pop("y"), lambda: names["x"]]),
    }[kind]
    state, stranger = proxy._store._key, "host/1/old/x"
    for use in uses:
        client.hset(state, mapping={stranger: "7 1 ", "touched": 5})
        client.pexpire(state, 1000_000)
        proxy._store._renew_at = 0.0  # as after some minutes
        with contextlib.suppress(LookupError):
            use()
        assert client.pttl(state) > 6 * 86_400_000
        assert not client.hexists(state, stranger), "the record of a client of an earlier period"


def test_what_is_left_of_an_expired_dict_is_not_read(ctx: Context, client: redis.Redis) -> None:
    names = ctx.Manager().dict(x=1)
    client.delete(names._store._key)  # the state expires a day earlier
    names._store._renew_at = 0.0  # as then
    for _ in range(2):
        with pytest.raises(DataLostError):
            names.get("x")


def test_a_cleared_dict_is_not_lost(ctx: Context, client: redis.Redis) -> None:
    names = ctx.Manager().dict(x=1)
    names.clear()
    assert (names.get("x"), len(names)) == (None, 0)
    assert all(client.pttl(key) > 0 for key in client.scan_iter("broker:{dict*"))
    names["x"] = 2
    assert (names["x"], len(names), names.keys()) == (2, 1, ["x"])


def test_queue_and_pool_of_a_manager(ctx: Context) -> None:
    manager = ctx.Manager()
    items = manager.Queue(1)
    items.put(1)
    with pytest.raises(queue.Full):
        items.put_nowait(2)
    with manager.Pool(1) as pool:
        assert pool.map(abs, [-1]) == [1]
    assert manager.Barrier(1).wait() == 0
    with manager.Condition() as condition:
        assert condition is True


@FAULTS
def test_changes_of_lists_whose_reply_is_lost(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    numbers = proxied.Manager().list([3, 1, 2])
    proxy.inject(LIST_SPLICE, fault)
    numbers.append(0)
    proxy.inject(LIST_SPLICE, fault)
    assert numbers.pop(0) == 3
    proxy.inject(LIST_REPLACE, fault)
    numbers.sort()
    proxy.inject(LIST_READ, fault)
    assert numbers[:] == [0, 1, 2]
    assert proxy.all_injected


@FAULTS
def test_changes_of_dicts_whose_reply_is_lost(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    numbers = proxied.Manager().dict(x=1)
    proxy.inject(MAPPING_PUT, fault)
    assert numbers.setdefault("y", 2) == 2
    proxy.inject(MAPPING_SET, fault)
    numbers["y"] = 2
    proxy.inject(b"HMGET", fault)
    assert numbers["y"] == 2
    proxy.inject(MAPPING_REMOVE, fault)
    assert numbers.pop("x") == 1
    proxy.inject(MAPPING_REMOVE, fault)
    assert numbers.popitem() == ("y", 2)
    elements = proxied.Manager().set([1])
    proxy.inject(MAPPING_SELECT, fault)
    elements ^= {1, 2}
    assert elements.copy() == {2}
    assert proxy.all_injected
    assert numbers.copy() == {}


def test_late_copy_of_a_change_that_found_nothing_changes_nothing(ctx: Context) -> None:
    """As when the request was sent twice, and its copy is delayed in the network."""
    manager = ctx.Manager()
    items, numbers = manager.list(), manager.dict(x=1)

    def send(number: int, proxy: Any, script: Script, *arguments: bytes) -> Any:
        token = b"host/1/other/0:%d/1" % number
        return proxy._store._run(proxy._store._bind_script(script), token, b"0", *arguments)[0]

    pop, remove = (b"-1", b"", b"", b"1"), (b"field", field_of("y"))
    put = (b"1", numbers._store._pack([("x", 2)]))
    assert send(1, items, LIST_SPLICE, *pop) == send(1, numbers, MAPPING_REMOVE, *remove) == MISSING
    items.append(1)
    numbers["y"] = 2
    assert send(1, items, LIST_SPLICE, *pop) == send(1, numbers, MAPPING_REMOVE, *remove) == MISSING
    found = send(2, numbers, MAPPING_PUT, *put)
    assert len(found) > len(b"+")
    del numbers["x"]
    assert send(2, numbers, MAPPING_PUT, *put) == found
    assert (list(items), numbers.copy()) == ([1], {"y": 2})


def test_assignment_is_not_repeated_over_a_later_one(
    proxy: Proxy, proxied: Context, ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process assigns between the assignment whose reply was lost, and its repetition."""
    names, execute, thread = proxied.Manager().dict(x=1), Connection.execute, threading.get_ident()
    state = {**names._store.__getstate__()[0]}, names._store._created
    direct = type(names._store).at(ctx.url_for("x"), names._store._name)
    direct.__setstate__(state)

    def assign_in_between(connection: Connection, *arguments: Any, **options: Any) -> Any:
        try:
            return execute(connection, *arguments, **options)
        except redis.RedisError:
            if threading.get_ident() == thread:  # not one in the background
                assert direct.read("x") == (2,)
                direct.put_one("x", 3)
            raise

    proxy.inject(MAPPING_SET, Fault.LOSE_REPLY)
    monkeypatch.setattr(Connection, "execute", assign_in_between)
    names["x"] = 2
    monkeypatch.undo()
    assert proxy.all_injected
    assert names["x"] == 3


def test_a_large_item_that_was_removed_does_not_stay(ctx: Context, client: redis.Redis) -> None:
    large, small = "x" * 100_000, "y" * 100
    items, names = ctx.Manager().list([large, small]), ctx.Manager().dict(large=large)
    assert (items.pop(0), names.pop("large")) == (large, large)
    len(items)
    assert client.memory_usage(items._store._key) < 2000
    assert client.memory_usage(names._store._key) < 2000
    assert items.pop() == small
    assert small.encode() in b"".join(client.hvals(items._store._key))


def test_lost_data_is_no_empty_container(ctx: Context, client: redis.Redis) -> None:
    manager = ctx.Manager()
    accesses: list[Callable[[], Any]] = []
    numbers, names, space, value = manager.list([1]), manager.dict(x=1), manager.Namespace(x=1), manager.Value("i", 1)
    accesses += [
        lambda: numbers[:],
        lambda: numbers.append(1),
        numbers.sort,
        lambda: len(numbers),
        lambda: 1 in numbers,
    ]
    accesses += [lambda: names["x"], lambda: names.get("x"), names.clear, lambda: names.update(x=1), names.items]
    accesses += [lambda: space.x, lambda: setattr(space, "x", 1), value.get]
    client.flushall()
    for access in accesses:
        with pytest.raises(DataLostError):
            access()
    assert not client.keys("broker:{*")


def test_manager_on_a_private_server() -> None:
    assert broker.Manager.__doc__ == Context.Manager.__doc__
    with Context() as ctx:
        with ctx.Manager() as manager:
            numbers = manager.list([1])
            assert numbers[:] == [1]
        with pytest.raises(DataLostError):
            numbers.append(2)
        assert ctx.Lock().acquire()
