"""What every value promises, multiprocessing's and the broker's: the types, conversions and errors of ctypes."""

from __future__ import annotations

import ctypes
import re
from multiprocessing.sharedctypes import typecode_to_type
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.backends import Backend

INTEGERS = "bBhHiIlLqQ"
RAW = pytest.mark.parametrize("lock", [True, False])


class Point(ctypes.Structure):
    """A structure with a method, an array, text, bit fields and a structure in it."""

    class Color(ctypes.Structure):
        _fields_ = (("red", ctypes.c_ubyte), ("blue", ctypes.c_ubyte))

    _anonymous_ = ("color",)
    _fields_ = (
        ("x", ctypes.c_int),
        ("y", ctypes.c_double),
        ("label", ctypes.c_char * 5),
        ("title", ctypes.c_wchar * 3),
        ("small", ctypes.c_int, 3),
        ("large", ctypes.c_uint, 7),
        ("path", ctypes.c_short * 3),
        ("color", Color),
        ("next", Color),
    )

    unit = 1

    def norm(self) -> float:
        return abs(self.x) + self._height

    @property
    def _height(self) -> float:
        return abs(self.y) * self.unit

    def __str__(self) -> str:
        return f"({self.x}, {self.y})"


class Word(ctypes.Union):
    _fields_ = (("whole", ctypes.c_uint32), ("bytes", ctypes.c_ubyte * 4))


def outcome(call: Any) -> Any:
    """Return what a call returns, or the type of what it raises."""
    try:
        return call()
    except Exception as error:
        return type(error)


@RAW
@pytest.mark.parametrize(
    ("kind", "initial", "other"),
    [
        ("i", 4343, 24234),
        ("d", 3.625, -4.25),
        ("f", 0.1, -1e30),
        ("h", -232, 234),
        ("q", 2**33, -(2**34)),
        ("c", b"x", b"\0"),
        ("u", "余", "\0"),
        (ctypes.c_bool, True, False),
        (ctypes.c_size_t, 2**63, 7),
        (ctypes.c_longdouble, 0.5, -2.0),
    ],
)
def test_value_is_read_and_written(context: Any, lock: bool, kind: Any, initial: object, other: object) -> None:
    value = context.Value(kind, initial, lock=lock)
    local = ctypes.c_float(0.1).value if kind == "f" else initial
    assert value.value == local
    assert type(value.value) is type(local)
    value.value = other
    assert value.value == pytest.approx(other) if kind == "f" else value.value == other
    assert context.Value(kind, lock=lock).value == type(local)() or kind in "cu"


@given(data=st.data())
def test_integers_wrap_around_as_those_of_ctypes(context: Any, data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(INTEGERS))
    number = data.draw(st.integers(-(2**70), 2**70))
    initial, written = context.RawValue(code, number), context.RawValue(code)
    written.value = number
    assert initial.value == written.value == typecode_to_type[code](number).value


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("i", (1.5,)),
        ("i", ("1",)),
        ("i", (1, 2)),
        ("d", ("1",)),
        ("c", (b"ab",)),
        ("c", (300,)),
        ("u", ("ab",)),
        ("x", ()),
        (int, ()),
        (5, ()),
        (Point, (1, 2, 3)),
        (Point, ("x",)),
        ([], ()),
    ],
)
def test_invalid_arguments_raise_what_ctypes_raises(context: Any, kind: Any, arguments: tuple[Any, ...]) -> None:
    expected = (
        outcome(lambda: typecode_to_type[kind](*arguments)) if isinstance(kind, str) and kind in "idcu" else TypeError
    )
    for factory in (context.Value, context.RawValue):
        with pytest.raises(expected):
            factory(kind, *arguments)


@RAW
def test_write_of_what_does_not_fit_raises_and_changes_nothing(context: Any, lock: bool) -> None:
    value = context.Value("i", 7, lock=lock)
    for wrong in (1.5, "1", None, b"1"):
        with pytest.raises(TypeError):
            value.value = wrong
    assert value.value == 7


def test_locks(context: Any) -> None:
    lock = context.Lock()
    for factory, argument in ((context.Value, 5), (context.Array, [5])):
        assert hasattr(factory("i", argument).get_lock(), "acquire")
        for new in (None, True, 1):
            assert hasattr(factory("i", argument, lock=new).get_lock(), "acquire")
        assert factory("i", argument, lock=lock).get_lock() is lock
        for raw in (factory("i", argument, lock=False), factory("i", argument).get_obj()):
            assert not hasattr(raw, "get_lock")
            assert not hasattr(raw, "get_obj")
        for wrong in ("no lock", "", 0, 2, []):
            with pytest.raises(AttributeError, match=re.escape(f"{wrong!r} has no method 'acquire'")):
                factory("i", argument, lock=wrong)


def test_lock_is_reentrant_and_held_by_with(context: Any) -> None:
    value = context.Value("i", 5)
    with value, value.get_lock():
        value.value += 1
        assert value.acquire(timeout=1)
        value.value *= 2
        value.release()
    assert value.get_obj().value == 12


def test_object_and_wrapper_are_the_same_value(context: Any) -> None:
    value = context.Value("i", 5)
    value.get_obj().value = 6
    assert value.value == 6
    value.value = 7
    assert value.get_obj().value == 7


@RAW
def test_structure(context: Any, lock: bool) -> None:
    point = context.Value(Point, 3, 2.5, b"ab", "余票", -1, 100, (1, 2, 3), lock=lock)
    local = Point(3, 2.5, b"ab", "余票", -1, 100, (1, 2, 3))

    def fields(of: Any) -> list[Any]:
        names = ("x", "y", "label", "title", "small", "large")
        return [*(getattr(of, name) for name in names), of.path[:], of.next.red, of.next.blue, of.color.blue]

    assert fields(point) == fields(local)
    for changed in (point, local):
        changed.x *= 2
        changed.y = 7
        changed.label = b"abcde"
        changed.label = b"xy"
        changed.title = "票"
        changed.small, changed.large = 3, 200
        changed.path[1] = -9
        changed.next.red = 5
        changed.next.blue += 1
        changed.color = (8, 9)
    assert fields(point) == fields(local)
    for wrong in ({"label": b"123456"}, {"label": "text"}, {"title": "1234"}, {"x": 1.5}, {"path": (1, 2, 3, 4)}):
        [(name, value)] = wrong.items()
        assert outcome(lambda: setattr(point, name, value)) is outcome(lambda: setattr(local, name, value))  # noqa: B023
    assert fields(point) == fields(local)
    raw = point.get_obj() if lock else point
    raw.red = local.red = 300  # of the anonymous structure; multiprocessing's wrapper does not have it
    assert (raw.red, raw.blue) == (local.red, local.blue)
    assert raw.norm() == local.norm()
    assert str(raw) == str(local)
    assert bytes(raw) == bytes(local)


def test_union(context: Any) -> None:
    word = context.RawValue(Word, 0x01020304)
    assert sorted(word.bytes[:]) == [1, 2, 3, 4]
    word.bytes[0] ^= 0xFF
    assert word.whole != 0x01020304
    word.whole = 5
    assert sum(word.bytes[:]) == 5


class Everything:
    """What an actor gets, and how it changes it."""

    def __init__(self, context: Any) -> None:
        self.value = context.Value("i", 5)
        self.point = context.Value(Point, 1, lock=False)
        self.values = context.Array("d", [0.5, 1.5, 2.5])
        self.raw_values = context.RawArray("d", [0.5, 1.5, 2.5])

    def double(self) -> None:
        self.value.value *= 2
        self.point.x *= 2
        for values in (self.values, self.raw_values):
            for place in range(len(values)):
                values[place] *= 2

    def seen(self) -> list[Any]:
        return [self.value.value, self.point.norm(), self.values[::-1], self.raw_values[1:]]


def test_everything_is_shared(backend: Backend) -> None:
    shared = Everything(backend.context)
    other = backend.actor(shared)
    other.call("double")
    assert shared.seen() == [10, 2, [5, 3, 1], [3, 5]]
    shared.double()
    assert other.call("seen") == [20, 4, [10, 6, 2], [6, 10]]


def test_access_waits_for_the_holder_of_the_lock(backend: Backend) -> None:
    value = backend.context.Value("i", 5)
    other = backend.actor(value)
    with value.get_lock():
        other.begin("value")
        assert other.blocked(0.1)
        value.value += 1
        assert value.value == 6
    assert other.result() == 6
