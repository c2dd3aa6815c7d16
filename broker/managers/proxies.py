"""Proxies of containers, with the methods of multiprocessing's."""

from __future__ import annotations

import array
import operator
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any, SupportsIndex

from broker.managers.stores import END, ListStore, MappingStore, SetStore, Store

_ABSENT: Any = object()


class Proxy:
    """What all proxies have in common: a container on the server, which any process can use."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _getvalue(self) -> Any:
        """Return a copy as an ordinary object."""
        raise NotImplementedError

    def __deepcopy__(self, _: object) -> Any:
        return self._getvalue()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._store,)

    def __str__(self) -> str:
        return repr(self._getvalue())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object, typeid {self._store._kind!r} at {id(self):#x}>"


class ListProxy(Proxy):
    """A list on the server; each call is one request, or two where Python compares items (`sort`, `remove` …).

    What is changed in an item that is not a proxy itself is changed in a copy: assign the item again.
    """

    _store: ListStore

    def __len__(self) -> int:
        return self._store.count()

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        if isinstance(index, slice):
            return self._read_slice(index)
        place = _place(index)
        found = self._store.read(place, place)
        if not found:
            raise IndexError("list index out of range")
        return found[0]

    def _read_slice(self, index: slice) -> list[Any]:
        start, stop = (None if each is None else _place(each) for each in (index.start, index.stop))
        if index.step is not None and operator.index(index.step) < 1:  # also 0, which raises
            return self._getvalue()[index]
        if stop == 0:
            return []
        return self._store.read(start or 0, -1 if stop is None else stop - 1)[:: index.step]

    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        if not isinstance(index, slice):
            self._store.replace_one(_place(index), [value])
        elif index.step is None:
            start, stop = _bounds(index)
            self._store.splice(start, stop, value)
        else:
            values = list(value)
            self._store.modify(lambda items: operator.setitem(items, index, values))

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        if not isinstance(index, slice):
            self._store.replace_one(_place(index))
        elif index.step is None:
            self._store.splice(*_bounds(index))
        else:
            self._store.modify(lambda items: operator.delitem(items, index))

    def __contains__(self, value: object) -> bool:
        return value in self._getvalue()

    def __iter__(self) -> Iterator[Any]:
        place = 0
        while found := self._store.read(place, place):
            yield found[0]
            place += 1

    def __reversed__(self) -> Iterator[Any]:
        return iter(self._getvalue()[::-1])

    def __add__(self, other: list[Any]) -> list[Any]:
        items: list[Any] = self._getvalue() + other
        return items

    def __mul__(self, times: SupportsIndex) -> list[Any]:
        items: list[Any] = self._getvalue() * times
        return items

    __rmul__ = __mul__

    def __iadd__(self, values: Iterable[Any]) -> ListProxy:
        self.extend(values)
        return self

    def __imul__(self, times: SupportsIndex) -> ListProxy:
        self._store.modify(lambda items: items.__imul__(times))
        return self

    def append(self, value: Any) -> None:
        """Add an item at the end."""
        self._store.splice(END, END, [value])

    def extend(self, values: Iterable[Any]) -> None:
        """Add items at the end."""
        self._store.splice(END, END, values)

    def insert(self, index: SupportsIndex, value: Any) -> None:
        """Insert an item before this place."""
        place = _place(index)
        self._store.splice(place, place, [value])

    def pop(self, index: SupportsIndex = -1) -> Any:
        """Remove and return an item; raise `IndexError` if there is none at this place."""
        return self._store.pop(_place(index))

    def clear(self) -> None:
        """Remove all items."""
        self._store.splice(0, END)

    def copy(self) -> list[Any]:
        """Return a copy as an ordinary list."""
        return self._getvalue()

    def remove(self, value: Any) -> None:
        """Remove the first item that is equal; raise `ValueError` if there is none."""
        self._store.modify(lambda items: items.remove(value))

    def reverse(self) -> None:
        """Reverse the order."""
        self._store.modify(list.reverse)

    def sort(self, *, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
        """Sort the items."""
        self._store.modify(lambda items: items.sort(key=key, reverse=reverse))

    def index(self, value: Any, *bounds: SupportsIndex) -> int:
        """Return the place of the first item that is equal; raise `ValueError` if there is none."""
        place: int = self._getvalue().index(value, *bounds)
        return place

    def count(self, value: Any) -> int:
        """Return how many items are equal."""
        count: int = self._getvalue().count(value)
        return count

    def _getvalue(self) -> list[Any]:
        return self._store.read(0, -1)


def _place(index: SupportsIndex) -> int:
    """Return a place in a list, or one that no list has instead of any that is further away."""
    return max(-END, min(operator.index(index), END))


def _bounds(index: slice) -> tuple[int, int]:
    start, stop = index.start, index.stop
    return 0 if start is None else _place(start), END if stop is None else _place(stop)


class DictProxy(Proxy):
    """A dictionary on the server; each call is one request.

    What is changed in a value that is not a proxy itself is changed in a copy: assign the value again.
    """

    _store: MappingStore

    def __len__(self) -> int:
        return self._store.count()

    def __getitem__(self, key: Any) -> Any:
        for value in self._store.read(key):
            return value
        raise KeyError(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._store.put_one(key, value)

    def __delitem__(self, key: Any) -> None:
        self._store.remove(key)

    def __contains__(self, key: object) -> bool:
        return bool(self._store.read(key))

    def __iter__(self) -> Iterator[Any]:
        return self._iterate(self.keys())

    def __reversed__(self) -> Iterator[Any]:
        return self._iterate(self.keys()[::-1])

    def __or__(self, other: Any) -> dict[Any, Any]:
        merged: dict[Any, Any] = self._getvalue() | _plain(other)
        return merged

    def __ror__(self, other: Any) -> dict[Any, Any]:
        merged: dict[Any, Any] = other | self._getvalue()
        return merged

    def __ior__(self, other: Any) -> DictProxy:
        self.update(_plain(other))
        return self

    fromkeys = dict.fromkeys

    def _iterate(self, keys: list[Any]) -> Iterator[Any]:
        for key in keys:
            if self._store.count() != len(keys):
                raise RuntimeError("dictionary changed size during iteration")
            yield key

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`, or `default`."""
        return next(iter(self._store.read(key)), default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`; put `default` there if it has none."""
        return self._store.put_if_new(key, default)

    def pop(self, key: Any, default: Any = _ABSENT) -> Any:
        """Remove a key and return its value, or `default` if it has none; without a default, raise `KeyError`."""
        try:
            return self._store.remove(key)
        except KeyError:
            if default is _ABSENT:
                raise
            return default

    def popitem(self) -> tuple[Any, Any]:
        """Remove and return the key that was inserted last, with its value; raise `KeyError` if there is none."""
        return self._store.remove_last()

    def update(self, *others: Any, **more: Any) -> None:
        """Put all values of a mapping or of pairs, and of keywords."""
        self._store.put(dict(*others, **more).items())

    def clear(self) -> None:
        """Remove all keys."""
        self._store.clear()

    def copy(self) -> dict[Any, Any]:
        """Return a copy as an ordinary dictionary."""
        return self._getvalue()

    def keys(self) -> list[Any]:
        """Return all keys."""
        return [key for key, _ in self._store.read_all()]

    def values(self) -> list[Any]:
        """Return all values."""
        return [value for _, value in self._store.read_all()]

    def items(self) -> list[tuple[Any, Any]]:
        """Return all keys with their values."""
        return self._store.read_all()

    def _getvalue(self) -> dict[Any, Any]:
        return dict(self._store.read_all())


class SetProxy(Proxy):
    """A set on the server; each call is one request, also if it changes many elements."""

    _store: SetStore

    def __len__(self) -> int:
        return self._store.count()

    def __contains__(self, element: object) -> bool:
        return bool(self._store.read(element))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._getvalue())

    def __and__(self, other: Any) -> set[Any]:
        return self._getvalue() & _operand(other)

    def __or__(self, other: Any) -> set[Any]:
        return self._getvalue() | _operand(other)

    def __sub__(self, other: Any) -> set[Any]:
        return self._getvalue() - _operand(other)

    def __xor__(self, other: Any) -> set[Any]:
        return self._getvalue() ^ _operand(other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __rsub__(self, other: Any) -> set[Any]:
        rest: set[Any] = other - self._getvalue()
        return rest

    def __iand__(self, other: Any) -> SetProxy:
        self.intersection_update(_operand(other))
        return self

    def __ior__(self, other: Any) -> SetProxy:
        self.update(_operand(other))
        return self

    def __isub__(self, other: Any) -> SetProxy:
        self.difference_update(_operand(other))
        return self

    def __ixor__(self, other: Any) -> SetProxy:
        self.symmetric_difference_update(_operand(other))
        return self

    def __le__(self, other: Any) -> bool:
        return self._getvalue() <= _operand(other)

    def __lt__(self, other: Any) -> bool:
        return self._getvalue() < _operand(other)

    def __ge__(self, other: Any) -> bool:
        return self._getvalue() >= _operand(other)

    def __gt__(self, other: Any) -> bool:
        return self._getvalue() > _operand(other)

    def add(self, element: Any) -> None:
        """Add an element, unless it is there."""
        self._store.put_if_new(element, None)

    def discard(self, element: Any) -> None:
        """Remove an element, if it is there."""
        self._store.select(b"remove", [element])

    def remove(self, element: Any) -> None:
        """Remove an element; raise `KeyError` if it is not there."""
        self._store.remove(element)

    def pop(self) -> Any:
        """Remove and return an element; raise `KeyError` if there is none."""
        return self._store.remove_last()[0]

    def clear(self) -> None:
        """Remove all elements."""
        self._store.clear()

    def copy(self) -> set[Any]:
        """Return a copy as an ordinary set."""
        return self._getvalue()

    def update(self, *others: Iterable[Any]) -> None:
        """Add the elements of all others."""
        self._store.put((element, None) for element in set().union(*others))

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Remove the elements of all others."""
        self._store.select(b"remove", set().union(*others))

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Remove the elements that are not in all others."""
        if others:
            self._store.select(b"keep", set(others[0]).intersection(*others[1:]))

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:
        """Remove the elements of the other one, and add those of its elements that were not there."""
        self._store.select(b"toggle", set(other))

    def union(self, *others: Iterable[Any]) -> set[Any]:
        """Return an ordinary set of the elements of this one and all others."""
        return self._getvalue().union(*others)

    def difference(self, *others: Iterable[Any]) -> set[Any]:
        """Return an ordinary set of the elements that are in no other."""
        return self._getvalue().difference(*others)

    def intersection(self, *others: Iterable[Any]) -> set[Any]:
        """Return an ordinary set of the elements that are in all others."""
        return self._getvalue().intersection(*others)

    def symmetric_difference(self, other: Iterable[Any]) -> set[Any]:
        """Return an ordinary set of the elements that are in one of both only."""
        return self._getvalue().symmetric_difference(other)

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """Return whether no element is in both."""
        return self._getvalue().isdisjoint(other)

    def issubset(self, other: Iterable[Any]) -> bool:
        """Return whether all elements are in the other one."""
        return self._getvalue().issubset(other)

    def issuperset(self, other: Iterable[Any]) -> bool:
        """Return whether all elements of the other one are in this one."""
        return self._getvalue().issuperset(other)

    def _getvalue(self) -> set[Any]:
        return {element for element, _ in self._store.read_all()}


def _plain(other: Any) -> Any:
    """Return an ordinary object instead of a proxy."""
    return other._getvalue() if isinstance(other, Proxy) else other


def _operand(other: Any) -> Set[Any]:
    """Return an ordinary set; the operators of sets take only sets, unlike their methods."""
    plain = _plain(other)
    if not isinstance(plain, Set):
        raise TypeError(f"the operators of sets need a set, not {type(other).__name__!r}")
    return plain


class NamespaceProxy(Proxy):
    """A namespace on the server: each attribute that does not begin with an underscore is there."""

    _store: MappingStore

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        for value in self._store.read(name):
            return value
        raise AttributeError(f"'Namespace' object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self._store.put_one(name, value)

    def __delattr__(self, name: str) -> None:
        if name.startswith("_"):
            object.__delattr__(self, name)
            return
        try:
            self._store.remove(name)
        except KeyError:
            raise AttributeError(name) from None

    def _getvalue(self) -> Any:
        return self

    def __str__(self) -> str:
        attributes = sorted(f"{name}={value!r}" for name, value in self._store.read_all())
        return f"Namespace({', '.join(attributes)})"


class ValueProxy(Proxy):
    """One object on the server; `value` is one request."""

    _store: MappingStore

    @property
    def value(self) -> Any:
        """The object."""
        return self.get()

    @value.setter
    def value(self, value: Any) -> None:
        self.set(value)

    def get(self) -> Any:
        """Return the object."""
        return self._store.read("value")[0]

    def set(self, value: Any) -> None:
        """Replace the object."""
        self._store.put_one("value", value)

    def _getvalue(self) -> Any:
        return self.get()


class ArrayProxy(Proxy):
    """An `array.array` on the server; an element or a slice is one request."""

    _store: ListStore

    def __init__(self, store: ListStore, typecode: str) -> None:
        super().__init__(store)
        self._typecode = typecode

    def __len__(self) -> int:
        return self._store.count()

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        found = ListProxy(self._store)[index]
        return array.array(self._typecode, found) if isinstance(index, slice) else found

    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        if isinstance(index, slice) and not isinstance(value, array.array):
            raise TypeError(f"can only assign array (not {type(value).__name__!r}) to array slice")
        values = array.array(self._typecode, value if isinstance(index, slice) else [value])
        ListProxy(self._store)[index] = values.tolist() if isinstance(index, slice) else values[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(ListProxy(self._store))

    def extend(self, values: Iterable[Any]) -> None:
        """Add values at the end."""
        self._store.splice(END, END, array.array(self._typecode, values))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._store, self._typecode)

    def _getvalue(self) -> Any:
        return self[:]
