"""`add` is one step on the server, with the arithmetic of the value's type."""

from __future__ import annotations

import ctypes
import math
from multiprocessing.sharedctypes import typecode_to_type
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker import Context
from tests.support.actors import TIMEOUT, Actors

INTEGERS = "bBhHiIlLqQ"
NUMBERS = st.integers(-(2**65), 2**65)
METHODS = pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])


@given(code=st.sampled_from(INTEGERS), start=NUMBERS, number=NUMBERS)
def test_integers_wrap_around(ctx: Context, code: str, start: int, number: int) -> None:
    value, local = ctx.RawValue(code, start), typecode_to_type[code](start)
    local.value += number
    assert value.add(number) == value.value == local.value


@given(code=st.sampled_from("fd"), start=st.floats(), number=st.floats() | st.integers(-(2**70), 2**70))
@example("d", 0.1, 0.2)
@example("f", 3e38, 3e38)
@example("d", math.inf, -math.inf)
def test_floating_point_numbers_are_rounded_as_ctypes_does_it(
    ctx: Context, code: str, start: float, number: float
) -> None:
    value, local = ctx.RawValue(code, start), typecode_to_type[code](start)
    local.value += number
    total = value.add(number)
    assert bytes(value) == bytes(local) or (math.isnan(local.value) and math.isnan(value.value))
    assert total == local.value or (math.isnan(total) and math.isnan(local.value))


class Count(ctypes.c_short):
    """A type of a program's own."""


@pytest.mark.parametrize("kind", [ctypes.c_int.__ctype_be__, ctypes.c_double.__ctype_be__, Count, ctypes.c_size_t])
def test_other_types_of_numbers(ctx: Context, kind: Any) -> None:
    value, local = ctx.RawValue(kind, 250), kind(250)
    for number in (10, -300, 30_000):
        local.value += number
        assert value.add(number) == local.value
        assert bytes(value) == bytes(local)


@pytest.mark.parametrize("kind", ["c", "u", ctypes.c_bool, ctypes.c_longdouble])
def test_what_is_no_number_is_refused(ctx: Context, kind: Any) -> None:
    value = ctx.RawValue(kind)
    with pytest.raises(TypeError, match="not a type of numbers"):
        value.add(1)


@pytest.mark.parametrize(("kind", "number"), [("i", 1.5), ("i", "1"), ("d", "1"), ("d", None)])
def test_wrong_number_is_refused(ctx: Context, kind: str, number: Any) -> None:
    value = ctx.Value(kind, 5)
    with pytest.raises(TypeError):
        value.add(number)
    assert value.value == 5


def add_often(value: Any, times: int) -> None:
    for _ in range(times):
        value.add(1)


def increment_often(value: Any, times: int) -> None:
    for _ in range(times):
        with value.get_lock():
            value.value += 1


@METHODS
@pytest.mark.parametrize("count", [add_often, increment_often])
def test_no_increment_of_several_processes_is_lost(server: Any, method: str, count: Any) -> None:
    with Context(server.url, method=method) as ctx:
        value = ctx.Value("q", 2**62)
        children = [ctx.Process(target=count, args=(value, 50)) for _ in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join(TIMEOUT)
        assert [child.exitcode for child in children] == [0] * 3
        assert value.value == 2**62 + 150


def test_increments_without_the_lock_are_lost(ctx: Context, actors: Actors) -> None:
    """A lesson: `total.value += 1` reads, and then writes."""
    total = ctx.Value("i", 0)
    other = actors.thread(total)
    read = total.value
    other.call("__setattr__", "value", other.call("value") + 1)
    total.value = read + 1
    assert total.value == 1
    assert [total.add(1), other.call("add", 1)] == [2, 3]
