"""The proxy of a dictionary."""

from __future__ import annotations

from collections.abc import Iterator
from types import GenericAlias
from typing import Any, ClassVar

from broker.managers.proxies.proxy import Proxy, plain
from broker.managers.stores import MappingStore

_ABSENT: Any = object()


class DictProxy(Proxy):
    """A dictionary on the server; each call is one request.

    What is changed in a value that is not a proxy itself is changed in a copy: assign the value again.
    """

    _store: MappingStore
    __class_getitem__: ClassVar[Any] = classmethod(GenericAlias)

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
        merged: dict[Any, Any] = self._getvalue() | plain(other)
        return merged

    def __ror__(self, other: Any) -> dict[Any, Any]:
        merged: dict[Any, Any] = other | self._getvalue()
        return merged

    def __ior__(self, other: Any) -> DictProxy:
        self.update(plain(other))
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
