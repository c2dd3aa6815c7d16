"""What the proxies of all containers have in common."""

from __future__ import annotations

from typing import Any

from broker.managers.stores import Store


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


def plain(other: Any) -> Any:
    """Return an ordinary object instead of a proxy."""
    return other._getvalue() if isinstance(other, Proxy) else other
