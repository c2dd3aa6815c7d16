"""The proxy of an array."""

from __future__ import annotations

import array
from collections.abc import Iterable, Iterator
from typing import Any, SupportsIndex

from broker.managers.proxies.list_proxy import ListProxy
from broker.managers.proxies.proxy import Proxy
from broker.managers.stores import END, ListStore


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
