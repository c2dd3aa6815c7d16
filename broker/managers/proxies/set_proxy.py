"""The proxy of a set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from types import GenericAlias
from typing import Any, ClassVar

from broker.managers.proxies.proxy import Proxy, plain
from broker.managers.stores import SetStore


class SetProxy(Proxy):
    """A set on the server; each call is one request, also if it changes many elements."""

    _store: SetStore
    __class_getitem__: ClassVar[Any] = classmethod(GenericAlias)

    def __len__(self) -> int:
        return self._store.count()

    def __contains__(self, element: object) -> bool:
        return bool(self._store.read(_hashable(element)))

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
        self._store.select(b"remove", [_hashable(element)])

    def remove(self, element: Any) -> None:
        """Remove an element; raise `KeyError` if it is not there."""
        try:
            self._store.remove(_hashable(element))
        except KeyError:
            raise KeyError(element) from None

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


def _hashable(element: Any) -> Any:
    """Return a frozen set instead of a set that is looked for, as sets themselves do."""
    return frozenset(element) if isinstance(element, set) and type(element).__hash__ is None else element


def _operand(other: Any) -> Set[Any]:
    """Return an ordinary set; the operators of sets take only sets, unlike their methods."""
    ordinary = plain(other)
    if not isinstance(ordinary, Set):
        raise TypeError(f"the operators of sets need a set, not {type(other).__name__!r}")
    return ordinary
