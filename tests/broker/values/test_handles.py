"""Handles of values and arrays: their names and types, what they weigh, and what is left when they are gone."""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import pickle
import sys
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import redis

import broker
from broker import BrokerError, Context, InvalidArgumentError, MismatchError, UnsupportedError
from broker.engine import expiring_handle
from broker.engine.handle import INDEX
from broker.values.shared import SharedArray, SharedValue, region
from broker.values.synchronized import Synchronized, SynchronizedArray, SynchronizedString
from tests.broker.engine.test_index import DAY, server_time
from tests.broker.engine.test_interrupted_anywhere import interrupted_at_each_line
from tests.support.actors import Actors
from tests.support.waiting import wait_until

MAX_WEIGHT = 4096  # bytes of a value and its lock


class Pair(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_double))


class Node(ctypes.Structure):
    _fields_ = (("next", ctypes.POINTER(Pair)),)


CREATED: dict[str, Callable[..., Any]] = {
    "Value": lambda ctx, **options: ctx.Value("i", 5, **options),
    "structure": lambda ctx, **options: ctx.Value(Pair, 5, **options),
    "Array": lambda ctx, **options: ctx.Array("d", 5, **options),
    "text": lambda ctx, **options: ctx.Array("c", b"text", **options),
    "rows": lambda ctx, **options: ctx.Array(ctypes.c_int * 3 * 4, 5, **options),
}
EACH = pytest.mark.parametrize("create", CREATED.values(), ids=CREATED)


def raw(shared: Any) -> bytes:
    return bytes(shared.get_obj())


@EACH
def test_pickle_is_a_name_and_few_bytes(ctx: Context, create: Any) -> None:
    shared = create(ctx)
    pickled = pickle.dumps(shared)
    assert len(pickled) < 600
    assert len(pickle.dumps(shared.get_obj())) < 350
    unpickled = pickle.loads(pickled)
    assert (type(unpickled), unpickled.name, raw(unpickled)) == (type(shared), shared.name, raw(shared))
    assert repr(unpickled) == repr(shared)
    assert shared.name in repr(shared)
    with shared.get_lock():
        assert not unpickled.get_lock().acquire(block=False) or unpickled.get_lock().held


def test_part_of_an_array_can_be_pickled(ctx: Context) -> None:
    rows = ctx.RawArray(ctypes.c_int * 3, 2)
    pickle.loads(pickle.dumps(rows[1]))[2] = 7
    assert [row[:] for row in rows] == [[0, 0, 0], [0, 0, 7]]


def test_pickle_of_a_type_with_another_size_is_refused(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of `c_long` between some hosts, or of a structure whose program has changed."""
    pickled = pickle.dumps(ctx.RawValue(Pair))

    class Longer(Pair):
        _fields_ = (("z", ctypes.c_int),)

    monkeypatch.setitem(globals(), "Pair", Longer)
    with pytest.raises(MismatchError, match="24 bytes on this host, and 16 on the one that has sent <Value"):
        pickle.loads(pickled)


@EACH
def test_unnamed_one_goes_with_its_handle(ctx: Context, client: redis.Redis, create: Any) -> None:
    client.flushall()
    shared = create(ctx)
    with shared.get_lock():
        assert len(client.keys("broker:{*")) >= 3
    del shared
    gc.collect()
    ctx.Lock().locked()
    ctx.Lock().locked()
    assert not client.keys("broker:{value:*") + client.keys("broker:{array:*") + client.keys("broker:{rlock:*")


def test_part_keeps_the_whole(ctx: Context) -> None:
    rows = ctx.RawArray(ctypes.c_int * 3, [(1, 2, 3), (4, 5, 6)])
    row = rows[1]
    del rows
    gc.collect()
    ctx.Lock().locked()
    assert row[:] == [4, 5, 6]


def test_close_deletes_what_has_no_name(server: Any, client: redis.Redis) -> None:
    client.flushall()
    with Context(server.url) as ctx:
        unnamed, named = ctx.Value("i", 5), ctx.Value("i", 6, name="stays")
        pickle.dumps(unnamed)
        del unnamed
    left = {key.decode() for key in client.keys("broker:{*")}
    assert left == {"broker:{value:stays}", "broker:{value:stays}:bytes"}
    with Context(server.url) as ctx:
        assert ctx.RawValue("i", name="stays").value == 6
        named = ctx.Value("i", name="stays")
        with named:
            pass
        named.delete()
    assert not client.keys("broker:{*")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda ctx: ctx.Value("i", name="x"), lambda ctx: ctx.Value("I", name="x")),
        (lambda ctx: ctx.Value("i", name="x"), lambda ctx: ctx.RawValue("f", name="x")),
        (lambda ctx: ctx.Array("i", 3, name="x"), lambda ctx: ctx.Array("i", [1], name="x")),
        (lambda ctx: ctx.Value(Pair, name="x"), lambda ctx: ctx.Value(ctypes.c_char, name="x")),
    ],
)
def test_name_in_use_with_another_type_is_refused(ctx: Context, first: Any, second: Any) -> None:
    named = first(ctx)
    with pytest.raises(MismatchError, match="already exists with the type"):
        second(ctx)
    assert raw(first(ctx)) == raw(named)
    named.delete()


def test_value_and_array_of_one_name_are_two(ctx: Context) -> None:
    value, values = ctx.Value("i", 5, name="x"), ctx.Array("i", [7], name="x")
    assert (value.value, values[0]) == (5, 7)
    value.delete()
    values.delete()


@pytest.mark.parametrize(
    "kind", [ctypes.c_void_p, ctypes.c_char_p, ctypes.py_object, ctypes.POINTER(ctypes.c_int), Node, Node * 2]
)
def test_addresses_are_refused(ctx: Context, kind: Any) -> None:
    with pytest.raises(UnsupportedError, match="is an address"):
        ctx.RawValue(kind)


def test_too_large_an_array_is_refused(ctx: Context) -> None:
    with pytest.raises(InvalidArgumentError, match="at most 536870912 bytes"):
        ctx.RawArray("d", 2**27)


def test_name_without_a_server_url_is_refused() -> None:
    with Context() as nowhere, pytest.raises(InvalidArgumentError, match="LAB_REDIS_URL"):
        nowhere.Value("i", name="total")


def test_classes_and_public_names(ctx: Context) -> None:
    assert type(ctx.Value("i")) is Synchronized
    assert type(ctx.Array("i", 3)) is SynchronizedArray
    assert type(ctx.Array("c", 3)) is SynchronizedString
    assert type(ctx.Value("i", lock=False)) is type(ctx.RawValue("i")) is SharedValue
    assert type(ctx.RawArray("i", 3)) is SharedArray
    for name in ("Value", "Array", "RawValue", "RawArray"):
        assert getattr(broker, name).__doc__ == getattr(Context, name).__doc__


@EACH
def test_numpys_view_is_refused_with_the_way_out(ctx: Context, create: Any) -> None:
    shared = create(ctx).get_obj()
    if sys.version_info >= (3, 12):
        with pytest.raises(UnsupportedError, match=r"take a copy with \[:\]"):
            memoryview(shared)
    with pytest.raises((TypeError, UnsupportedError)):
        ctypes.c_char.from_buffer(shared)
    for numpys in ("__buffer__", "__array_interface__"):  # numpy.asarray asks for the latter
        with pytest.raises(UnsupportedError, match=r"take a copy with \[:\]"):
            getattr(shared, numpys)


NAMES = (
    "_offset",
    "_memory",
    "_ctype",
    "_obj",
    "_lock",
    "_guarded",
    "_part",
    "field_names",
    "acquire",
    "name",
    "value",
)


class Named(ctypes.Structure):
    """A structure whose fields have names that the classes of the broker use, or might use."""

    _fields_ = [(name, ctypes.c_int) for name in NAMES] + [("_bits", ctypes.c_int, 3)]


def test_fields_of_any_name(ctx: Context) -> None:
    for shared in (ctx.RawValue(Named), ctx.Value(Named)):
        for number, name in enumerate((*NAMES, "_bits")):
            setattr(shared, name, number % 4)
            assert getattr(shared, name) == number % 4
        copy = pickle.loads(pickle.dumps(shared))
        assert [getattr(copy, name) for name in NAMES] == [number % 4 for number in range(len(NAMES))]


@EACH
def test_idle_one_expires_unless_it_is_used(ctx: Context, client: redis.Redis, create: Any) -> None:
    shared = create(ctx).get_obj()
    state, data = region(shared).memory.stored._keys
    week = DAY // 1000 * 7
    assert week - 60_000 < client.pttl(state) <= week < client.pttl(data)
    client.pexpire(state, 1000_000)
    client.pexpire(data, 1000_000)
    client.delete(INDEX)
    bytes(shared)
    assert week - 60_000 < client.pttl(state) <= week < client.pttl(data)
    assert client.zrange(INDEX, 0, -1) == [state]


def test_write_renews_and_forgets_clients_of_earlier_periods(
    ctx: Context, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiring_handle, "RENEWAL_INTERVAL", 0.0)
    value = ctx.RawValue("i", 5)
    state = region(value).memory.stored._key
    value.value = 6
    period = server_time(client) // 1_000_000 - 301
    old, recent = {"host/1/old/x": f"7 {period - 400} "}, {"host/2/new/x": f"7 {period} "}
    client.hset(state, mapping={**old, **recent, "touched": period})
    client.pexpire(state, 1000_000)
    value.value += 1
    clients = {field.decode() for field in client.hkeys(state)}
    assert {*old, *recent} & clients == {*recent}
    assert client.pttl(state) > 6 * DAY // 1000
    began = client.hget(state, "touched")
    assert int(began or 0) > period
    client.hset(state, mapping=old)
    value.value += 1
    assert client.hget(state, "touched") == began
    assert client.hexists(state, "host/1/old/x"), "the period has not ended"


@pytest.mark.parametrize("use", [lambda value: value.value, lambda value: setattr(value, "value", 6)])
def test_only_some_accesses_may_renew(ctx: Context, client: redis.Redis, use: Any) -> None:
    value = ctx.RawValue("i", 5)
    handle = region(value).memory.stored
    use(value)
    client.pexpire(handle._key, 1000_000)
    client.hset(handle._key, "touched", 5)
    use(value)
    assert client.pttl(handle._key) <= 1000_000
    handle._renew_at = 0.0  # as after some minutes
    use(value)
    assert client.pttl(handle._key) > 6 * DAY // 1000


def test_every_use_may_renew_and_forget_clients(ctx: Context, client: redis.Redis) -> None:
    """In `value += 1`, it is always the reading that may; and it may be refused, since the lock is held."""
    value, stranger = ctx.Value("i", 5), "host/1/old/x"
    handle = region(value.get_obj()).memory.stored
    other = pickle.loads(pickle.dumps(value.get_lock()))
    for use in (lambda: value.value, lambda: value.add(1)):
        for is_held in (False, True):
            client.hset(handle._key, mapping={stranger: "7 1 ", "touched": 5})
            client.pexpire(handle._key, 1000_000)
            handle._renew_at = 0.0  # as after some minutes
            thread = threading.Thread(target=use)
            with other if is_held else contextlib.nullcontext():
                thread.start()
                if is_held:
                    wait_until(lambda: other.waiters())
                else:
                    thread.join()
            thread.join()
            assert client.pttl(handle._key) > 6 * DAY // 1000
            assert not client.hexists(handle._key, stranger)


def test_handle_is_light(ctx: Context) -> None:
    value = ctx.Value("i", 5)
    assert raw(value) == bytes(ctypes.c_int(5))
    pickled = [pickle.dumps(value).replace(value.name.encode(), b"%032d" % number) for number in range(100)]
    pickle.loads(pickled[0])
    gc.collect()
    tracemalloc.start()
    try:
        handles = [pickle.loads(each) for each in pickled]
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] / len(handles) < MAX_WEIGHT
    finally:
        tracemalloc.stop()


def test_large_array(ctx: Context, actors: Actors) -> None:
    values = ctx.Array("d", 1_000_000)
    other = actors.process(ctx, values)
    copied = array.array("d", range(1_000_000))
    values[:] = copied
    assert other.call("__getitem__", slice(999_000, None)) == list(copied[999_000:])
    other.call("__setitem__", slice(500_000, 500_002), [1, 2])
    part = values[499_999:500_003]
    assert part == [499_999, 1, 2, 500_002]
    values[::100_000] = range(10)
    assert values[::100_000] == list(range(10))
    assert values[::-1][0] == 999_999


def test_full_server_refuses_changes_and_can_be_read(
    ctx: Context, client: redis.Redis, full: Callable[[], object]
) -> None:
    value = ctx.Value("i", 5)
    handle = region(value.get_obj()).memory.stored
    client.hset(handle._key, "touched", 5)
    full()
    for change in (lambda: value.add(1), lambda: setattr(value, "value", 6), lambda: ctx.RawValue("i", name="refused")):
        with pytest.raises(BrokerError, match="OOM"):
            change()
    handle._renew_at = 0.0  # so that the reading ends a period
    assert value.value == 5
    assert not client.keys("*refused*")
    client.config_set("maxmemory", 0)
    assert value.add(1) == 6


@pytest.mark.parametrize("lock", [True, False])
def test_interrupted_write_was_done_or_can_be_repeated(ctx: Context, lock: bool) -> None:
    values = ctx.Array("i", [1, 2], lock=lock)

    def write() -> None:
        values[:] = [3, 4]

    def prepare() -> None:
        values[:] = [1, 2]

    def check() -> None:
        assert values[:] in ([1, 2], [3, 4])
        write()
        assert values[:] == [3, 4]

    assert interrupted_at_each_line(prepare, write, check) > 10
