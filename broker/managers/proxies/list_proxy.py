"""The proxy of a list."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from types import GenericAlias
from typing import Any, ClassVar, SupportsIndex

from broker.managers.proxies.proxy import Proxy
from broker.managers.stores import END, ListStore


class ListProxy(Proxy):
    """A list on the server; each call is one request, or two where Python compares items (`sort`, `remove` …).

    What is changed in an item that is not a proxy itself is changed in a copy: assign the item again.
    """

    _store: ListStore
    __class_getitem__: ClassVar[Any] = classmethod(GenericAlias)

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
