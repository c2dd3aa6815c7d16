"""Managed lists and dictionaries do what those of Python do, whatever the order of calls."""

from __future__ import annotations

import array
import copy
import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker import Context
from broker.managers.keys import field_of

ITEMS = st.integers(-3, 3) | st.sampled_from(["", "x", None, 0.5, (1, "x"), b"\0\r\n:"])
PLACES = st.integers(-4, 4)
FAR = 2**70  # more than an index of C can be
SLICES = st.builds(slice, st.none() | PLACES, st.none() | PLACES, st.none() | st.integers(-2, 2))
LISTS = st.lists(ITEMS, max_size=3)
KEYS = st.sampled_from([0, 1, 1.0, True, "x", b"x", None, (1, 2), (1.0, 2), ("x", ("x",)), frozenset("xyz"), 2.5])

LISTS_OF_KEYS = st.lists(KEYS, max_size=4)
SETS = st.sets(KEYS, max_size=4)
UNHASHABLE = st.sampled_from([{*"xyz"}, {1}, [1]])  # a set is looked for as a frozen one

LIST_CALLS: dict[str, tuple[Any, ...]] = {
    "append": (ITEMS,),
    "clear": (),
    "copy": (),
    "extend": (LISTS,),
    "insert": (PLACES, ITEMS),
    "pop": (PLACES,),
    "remove": (ITEMS,),
    "reverse": (),
    "index": (ITEMS,),
    "count": (ITEMS,),
    "__contains__": (ITEMS,),
    "__len__": (),
    "__getitem__": (PLACES | SLICES,),
    "__delitem__": (PLACES | SLICES,),
    "__add__": (LISTS,),
    "__mul__": (st.integers(-1, 2),),
}
DICT_CALLS: dict[str, tuple[Any, ...]] = {
    "__getitem__": (KEYS,),
    "__setitem__": (KEYS, ITEMS),
    "__delitem__": (KEYS,),
    "__contains__": (KEYS,),
    "__len__": (),
    "get": (KEYS, ITEMS),
    "setdefault": (KEYS, ITEMS),
    "pop": (KEYS,),
    "popitem": (),
    "update": (st.dictionaries(KEYS, ITEMS, max_size=3),),
    "copy": (),
    "clear": (),
}


SET_CALLS: dict[str, tuple[Any, ...]] = {
    "__len__": (),
    "add": (KEYS | UNHASHABLE,),
    **dict.fromkeys(["__contains__", "discard", "remove"], (KEYS | UNHASHABLE,)),
    "copy": (),
    "clear": (),
    "__isub__": (SETS,),
    **dict.fromkeys(
        ["__and__", "__or__", "__sub__", "__xor__", "__rsub__", "__le__", "__lt__", "__ge__", "__gt__"], (SETS,)
    ),
    **dict.fromkeys(["isdisjoint", "issubset", "issuperset"], (LISTS_OF_KEYS,)),
    **dict.fromkeys(["symmetric_difference", "symmetric_difference_update"], (LISTS_OF_KEYS,)),
    **dict.fromkeys(["union", "difference", "intersection", "update"], (LISTS_OF_KEYS, LISTS_OF_KEYS)),
    **dict.fromkeys(["difference_update", "intersection_update"], (LISTS_OF_KEYS, LISTS_OF_KEYS)),
}


def calls(of: dict[str, tuple[Any, ...]]) -> Any:
    return st.lists(st.one_of(*(st.tuples(st.just(name), st.tuples(*arguments)) for name, arguments in of.items())))


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return type(error), error.args if isinstance(error, KeyError) else ()


@given(initial=LISTS, calls=calls(LIST_CALLS))
@example([1, 2, 3], [("__getitem__", (slice(start, stop, 1),)) for start in range(-4, 5) for stop in range(-4, 5)])
@example([1, 2, 3], [("__getitem__", (each,)) for each in (slice(-FAR, FAR), slice(FAR, None), FAR, -FAR)])
@example([1, 2, 3], [("__setitem__", (slice(FAR, FAR + 1), [4])), ("__delitem__", (slice(-FAR, 1),))])
@example([1, 2, 3], [("__delitem__", (slice(None, None, 2),)), ("pop", (0,)), ("append", (5,)), ("insert", (-9, 7))])
def test_list(ctx: Context, initial: list[Any], calls: list[Any]) -> None:
    managed, local = ctx.Manager().list(initial), [*initial]
    for name, arguments in calls:
        results = [outcome(lambda of=of: getattr(of, name)(*arguments)) for of in (managed, local)]  # noqa: B023
        assert results[0] == results[1]
        assert managed[:] == local


@given(initial=LISTS, index=PLACES | SLICES, values=LISTS)
def test_assignment_to_a_list(ctx: Context, initial: list[Any], index: Any, values: list[Any]) -> None:
    managed, local = ctx.Manager().list(initial), [*initial]
    results = [outcome(lambda of=of: operator.setitem(of, index, values)) for of in (managed, local)]
    assert results[0] == results[1]
    assert list(managed) == local


def test_the_rest_of_a_list(ctx: Context) -> None:
    numbers = ctx.Manager().list([3, 1, 2])
    numbers.sort(key=lambda number: -number)
    assert numbers[:] == list(reversed(numbers))[::-1] == [3, 2, 1]
    numbers.sort(reverse=False)
    numbers *= 2
    numbers += (7,)
    assert (str(numbers), 2 * numbers) == ("[1, 2, 3, 1, 2, 3, 7]", [1, 2, 3, 1, 2, 3, 7] * 2)
    assert copy.deepcopy(numbers) == numbers[:]
    assert repr(numbers).startswith("<ListProxy object, typeid 'list' at 0x")
    assert numbers.index(3, 3) == 5
    numbers[0:2] = iter("abc")
    assert numbers[:4] == ["a", "b", "c", 3]
    for wrong in (lambda: numbers["x"], lambda: numbers.insert(1.5, 0), lambda: numbers.extend(5)):
        with pytest.raises(TypeError):
            wrong()


@given(initial=st.dictionaries(KEYS, ITEMS, max_size=3), calls=calls(DICT_CALLS))
@example({}, [("__setitem__", (1, "x")), ("__getitem__", (True,)), ("pop", (1.0,)), ("popitem", ())])
def test_dict(ctx: Context, initial: dict[Any, Any], calls: list[Any]) -> None:
    managed, local = ctx.Manager().dict(initial), {**initial}
    for name, arguments in calls:
        results = [outcome(lambda of=of: getattr(of, name)(*arguments)) for of in (managed, local)]  # noqa: B023
        assert results[0] == results[1]
        assert managed.items() == list(local.items()), "in the order of insertion"


@given(initial=SETS, calls=calls(SET_CALLS))
@example({frozenset("xyz")}, [("__contains__", ({*"xyz"},)), ("remove", ({*"xyz"},)), ("remove", ({*"xyz"},))])
@example({frozenset("xyz")}, [("discard", ({*"xyz"},)), ("discard", ({1},)), ("discard", ([1],))])
@example({0, "x"}, [("symmetric_difference_update", ([0, 1, 1],)), ("intersection_update", ()), ("discard", (None,))])
def test_set(ctx: Context, initial: set[Any], calls: list[Any]) -> None:
    managed, local = ctx.Manager().set(initial), {*initial}
    for name, arguments in calls:
        results = [outcome(lambda of=of: getattr(of, name)(*arguments)) for of in (managed, local)]  # noqa: B023
        results = [None if result in (managed, local) and name == "__isub__" else result for result in results]
        assert results[0] == results[1]
        assert {*managed} == local


def test_the_rest_of_a_set(ctx: Context) -> None:
    manager = ctx.Manager()
    numbers, others = manager.set([1, 2, 3]), manager.set([3, 4])
    assert (numbers & others, numbers | others, numbers ^ others) == ({3}, {1, 2, 3, 4}, {1, 2, 4})
    assert ({5} | numbers, {1, 5} - numbers, others <= {3, 4, 5}) == ({1, 2, 3, 5}, {5}, True)
    before = numbers
    numbers |= others
    numbers &= {2, 3, 4}
    numbers ^= {4, 5}
    assert numbers is before
    assert (numbers.copy(), len(numbers), str(manager.set([1]))) == ({2, 3, 5}, 3, "{1}")
    assert {numbers.pop() for _ in range(3)} == {2, 3, 5}
    assert type(numbers)[int].__args__ == (int,)
    for missing in (numbers.pop, lambda: numbers.remove(5)):
        with pytest.raises(KeyError):
            missing()
    for wrong in (lambda: numbers.add([]), lambda: numbers & [1], lambda: operator.ior(numbers, [1])):
        with pytest.raises(TypeError):
            wrong()


class Meters(float):
    """A number of a class of its own."""


@pytest.mark.parametrize(
    "equal",
    [
        (1, True, 1.0, Decimal("1.0"), Fraction(1), 1 + 0j, Meters(1)),
        (1.5, Fraction(3, 2), Decimal("1.50"), 1.5 + 0j, Meters(1.5)),
        (Fraction(1, 10), Fraction(2, 20), Decimal("0.1"), Decimal("0.10")),
        (2**70, 2.0**70, Decimal(2**70)),
        (1 + 2j, 1.0 + 2.0j),
        (float("inf"), Decimal("inf")),
    ],
)
def test_equal_numbers_are_one_key(equal: tuple[Any, ...]) -> None:
    assert len({*equal}) == len({field_of(number) for number in equal}) == 1


def test_different_numbers_are_different_keys() -> None:
    numbers = 0, 1, 0.1, Decimal("0.1"), 2**53 + 1, 2.0**53, 10**400, 1j, float("inf")
    assert len({*numbers}) == len({field_of(number) for number in numbers}) == len(numbers)


def test_equal_keys_are_one_key(ctx: Context) -> None:
    shared, other = "".join("xy"), "".join("xy")
    sets = frozenset([0, 8]), frozenset([8, 0])
    assert [*sets[0]] != [*sets[1]]
    numbers = ctx.Manager().dict()
    for key, equal in [((shared, shared), (shared, other)), sets, ((1, (True,)), (1.0, (1,)))]:
        assert key == equal
        numbers[key] = "first"
        numbers[equal] = "second"
        assert numbers.pop(key) == "second"
        assert len(numbers) == 0


def test_the_rest_of_a_dict(ctx: Context) -> None:
    manager = ctx.Manager()
    numbers = manager.dict({"a": 1}, b=2)
    numbers.update([("c", 3)], d=4)
    assert (numbers.keys(), numbers.values(), list(numbers)) == ([*"abcd"], [1, 2, 3, 4], [*"abcd"])
    assert (str(numbers), numbers.get("x"), numbers.pop("x", 5)) == (str(numbers.copy()), None, 5)
    numbers |= {"e": 5}
    assert (numbers["e"], [*reversed(numbers)], numbers.fromkeys("x")) == (5, [*"edcba"], {"x": None})
    keys = iter(numbers)
    numbers.clear()
    with pytest.raises(RuntimeError, match="changed size"):
        next(keys)
    for wrong in (lambda: numbers[[]], lambda: numbers.get({}), lambda: numbers.update(5)):
        with pytest.raises(TypeError):
            wrong()


def test_namespace_value_and_array(ctx: Context) -> None:
    manager = ctx.Manager()
    names = manager.Namespace(name="Bob")
    names.job, names._hidden = "Builder", "here"
    assert (names.name, names.job, names._hidden) == ("Bob", "Builder", "here")
    del names.job
    assert (str(names), hasattr(names, "job")) == ("Namespace(name='Bob')", False)
    for missing in ("job", "_job"):
        with pytest.raises(AttributeError):
            delattr(names, missing)
    value = manager.Value("i", 5)
    value.value += 1
    value.set([value.get()])
    assert (value.value, str(value)) == ([6], "[6]")
    numbers = manager.Array("h", range(4))
    numbers[1] = -7
    numbers[2:] = array.array("h", [8, 9, 10])
    assert (numbers[:], len(numbers), list(numbers)) == (array.array("h", [0, -7, 8, 9, 10]), 5, [0, -7, 8, 9, 10])
    for wrong in (1.5, "x", [1]):
        with pytest.raises(TypeError):
            numbers[0] = wrong
    with pytest.raises(OverflowError):
        numbers[0] = 2**20
    with pytest.raises(TypeError):
        numbers[0:1] = [1]
