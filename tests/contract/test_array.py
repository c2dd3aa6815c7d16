"""What every array promises, multiprocessing's and the broker's: elements, slices, text and errors as in ctypes."""

from __future__ import annotations

import array
import ctypes
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.test_value import Point, outcome

RAW = pytest.mark.parametrize("lock", [True, False])
LENGTH = 7
INDEXES = st.integers(-LENGTH - 2, LENGTH + 2)
SLICES = st.builds(slice, *[st.none() | INDEXES] * 2, st.none() | st.integers(-3, 3).filter(bool))
VALUES = st.integers(-(2**33), 2**33)


@RAW
def test_elements_and_slices(context: Any, lock: bool) -> None:
    expected = [680, 626, 934, 821, 150, 233, 548, 982, 714, 831]
    values = context.Array("i", expected, lock=lock)
    assert (len(values), list(values), values[3], values[-1]) == (10, expected, 821, 831)
    assert values[2:7] == expected[2:7]
    values[4:8] = expected[4:8] = array.array("i", [1, 2, 3, 4])
    values[-1] = expected[-1] = 5
    for place in range(1, 10):
        values[place] += values[place - 1]
        expected[place] += expected[place - 1]
    assert values[:] == expected
    assert sum(values) == sum(expected)


@given(indexes=st.lists(INDEXES | SLICES), data=st.data())
def test_every_index_does_what_it_does_with_ctypes(context: Any, indexes: list[Any], data: st.DataObject) -> None:
    shared, local = context.RawArray("i", range(LENGTH)), (ctypes.c_int * LENGTH)(*range(LENGTH))
    for index in indexes:
        assert outcome(lambda: shared[index]) == outcome(lambda: local[index])  # noqa: B023
        length = len(range(*index.indices(LENGTH))) if isinstance(index, slice) else 0
        lists = st.lists(VALUES, min_size=length, max_size=length) | st.lists(VALUES, max_size=3)
        value = data.draw(lists if isinstance(index, slice) else VALUES)
        written = [outcome(lambda of=of: of.__setitem__(index, value)) for of in (shared, local)]  # noqa: B023
        assert written[0] == written[1]
        assert bytes(shared) == bytes(local)


@pytest.mark.parametrize("size", [0, 1, 10])
def test_array_of_a_size_is_zero(context: Any, size: int) -> None:
    for _ in range(3):
        values = context.Array("i", size)
        assert (len(values), values[:], list(values)) == (size, [0] * size, [0] * size)
        values[:] = range(size)
        assert values[:] == list(range(size))
        del values


@RAW
@pytest.mark.parametrize(
    ("kind", "initial", "wrong"),
    [
        ("i", -1, None),
        ("i", 1.5, None),
        ("i", [1.5], None),
        ("i", ["x"], None),
        ("c", [b"ab"], None),
        ("x", 3, None),
        ("i", 3, (0, 1.5)),
        ("i", 3, (3, 1)),
        ("i", 3, (-4, 1)),
        ("i", 3, ("0", 1)),
        ("i", 3, (1.0, 1)),
        ("i", 3, (slice(0, 2), [1])),
        ("i", 3, (slice(0, 2), [1, "x"])),
        ("i", 3, (slice(0, 2), 1)),
        ("i", 3, (slice(None, None, 0), [])),
    ],
)
def test_errors_are_those_of_ctypes(context: Any, lock: bool, kind: str, initial: Any, wrong: Any) -> None:
    if wrong is None:
        with pytest.raises((TypeError, ValueError)):
            context.Array(kind, initial, lock=lock)
        return
    values, local = context.Array(kind, initial, lock=lock), (ctypes.c_int * initial)()
    expected = outcome(lambda: local.__setitem__(*wrong))
    with pytest.raises(expected):
        values[wrong[0]] = wrong[1]
    assert values[:] in ([0] * initial, local[:]), "ctypes writes up to the wrong one; the broker, nothing"


@RAW
def test_text(context: Any, lock: bool) -> None:
    text, local = context.Array("c", 8, lock=lock), (ctypes.c_char * 8)()
    changes: list[Callable[[Any], object]] = [
        lambda of: setattr(of, "value", b"hello"),
        lambda of: setattr(of, "value", b"hi"),
        lambda of: setattr(of, "raw", b"xy"),
        lambda of: setattr(of, "value", b"12345678"),
        lambda of: of.__setitem__(slice(2, 4), b"ab"),
        lambda of: of.__setitem__(0, b"z"),
        lambda of: of.__setitem__(1, 65),
        lambda of: setattr(of, "raw", b"\0" * 8),
        lambda of: setattr(of, "value", b"123456789"),
        lambda of: setattr(of, "raw", b"123456789"),
        lambda of: setattr(of, "value", "text"),
        lambda of: of.__setitem__(0, "z"),
        lambda of: of.__setitem__(0, b"zz"),
    ]
    for change in changes:
        assert outcome(lambda: change(text)) == outcome(lambda: change(local))  # noqa: B023
        assert (text.value, text.raw, text[:], text[1:-1], text[3]) == (
            *(local.value, local.raw, local[:]),
            *(local[1:-1], local[3]),
        )


def test_unicode_text(context: Any) -> None:
    text = context.Array("u", "余票 0", lock=False)
    assert (text.value, text[:], text[1], len(text)) == ("余票 0", "余票 0", "票", 4)
    text.value = "票"
    assert (text.value, text[2:]) == ("票", " 0")
    with pytest.raises(ValueError, match="string too long"):
        text.value = "12345"
    with pytest.raises(TypeError):
        text[0] = b"x"


@RAW
def test_arrays_of_structures_and_of_arrays(context: Any, lock: bool) -> None:
    points = context.Array(Point, [(1, 2.0), (3, 4.0)], lock=lock)
    points[0].x += 10
    points[1] = (5, 6.0)
    points[1].label = b"abc"
    points[1].path[2] = 4
    points[1].next.blue = 9
    assert [(point.path[:], point.next.blue) for point in points] == [([0, 0, 0], 0), ([0, 0, 4], 9)]
    assert [(point.x, point.y, point.label) for point in points[:]] == [(11, 2.0, b""), (5, 6.0, b"abc")]
    points[0:1] = points[1:2]
    points[1] = Point(7)
    assert [(point.x, point.label) for point in points] == [(5, b"abc"), (7, b"")]
    rows = context.Array(ctypes.c_int * 3, 2, lock=lock)
    rows[1][2] = 5
    rows[0] = (ctypes.c_int * 3)(1, 2, 3)
    rows[0][::2] = [7, 8]
    assert [row[:] for row in rows] == [[7, 2, 8], [0, 0, 5]]
    rows[1] = rows[0]
    assert rows[1][:] == [7, 2, 8]
