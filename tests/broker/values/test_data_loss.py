"""Data that the server has lost is an error, and never a zero that nobody wrote."""

from __future__ import annotations

import ctypes
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import redis

from broker import Context, DataLostError
from tests.support.actors import Actor
from tests.support.servers import Server


class Pair(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int), ("small", ctypes.c_int, 3))


def set_value(of: Any) -> None:
    of.value = 1


def set_field(of: Any) -> None:
    of.x = 1


def set_bit_field(of: Any) -> None:
    of.small = 1


USES: list[tuple[Callable[[Context, bool], Any], Callable[[Any], object]]] = [
    (lambda ctx, lock: ctx.Value("i", 5, lock=lock), lambda value: value.value),
    (lambda ctx, lock: ctx.Value("i", 5, lock=lock), set_value),
    (lambda ctx, lock: ctx.Value("i", 5, lock=lock), lambda value: value.add(1)),
    (lambda ctx, lock: ctx.Array("i", 5, lock=lock), lambda values: values[0]),
    (lambda ctx, lock: ctx.Array("i", 5, lock=lock), lambda values: values[:]),
    (lambda ctx, lock: ctx.Array("i", 5, lock=lock), lambda values: values.__setitem__(0, 1)),
    (lambda ctx, lock: ctx.Value(Pair, lock=lock), lambda pair: pair.x),
    (lambda ctx, lock: ctx.Value(Pair, lock=lock), set_field),
    (lambda ctx, lock: ctx.Value(Pair, lock=lock), set_bit_field),
]


@pytest.mark.parametrize("lock", [True, False])
@pytest.mark.parametrize(("create", "use"), USES)
def test_every_access_to_lost_data_raises(ctx: Context, client: redis.Redis, create: Any, use: Any, lock: bool) -> None:
    shared = create(ctx, lock)
    use(shared)
    client.flushall()
    for _ in range(2):
        with pytest.raises(DataLostError, match="no longer on the server"):
            use(shared)
    assert not client.keys(f"*{shared.name}*"), "nothing was created again"


def test_handles_of_lost_data_do_not_use_what_was_created_since(
    ctx: Context, client: redis.Redis, process: Callable[[object], Actor]
) -> None:
    before = ctx.Value("i", 5, name="total")
    other, pickled = process(before), pickle.dumps(before)
    before.value = other.call("value") + 2
    client.flushall()
    again = ctx.Value("i", 1, name="total")
    for stale in (before, pickle.loads(pickled)):
        with pytest.raises(DataLostError):
            stale.add(1)
    with pytest.raises(DataLostError):
        other.call("value")
    assert again.value == 1
    assert ctx.Value("i", 9, name="total").value == 1, "the first initial value counts"
    again.delete()
    with pytest.raises(DataLostError):
        again.value = 2


def test_restart_without_data(volatile_server: Server) -> None:
    with Context(volatile_server.url) as ctx:
        values = ctx.Array("i", [1, 2])
        volatile_server.kill()
        volatile_server.start()
        with pytest.raises(DataLostError):
            values[0] += 1


def test_restart_with_data(durable_server: Server) -> None:
    with Context(durable_server.url) as ctx:
        values = ctx.Array("i", [1, 2])
        values[0] += 1
        durable_server.kill()
        durable_server.start()
        assert values[:] == [2, 2]


def test_script_flush_loses_nothing(ctx: Context, client: redis.Redis) -> None:
    value = ctx.Value("i", 5)
    for _ in range(2):
        client.script_flush()
        assert value.add(1) == value.value
        client.script_flush()
        value.value += 1
    assert value.value == 9
