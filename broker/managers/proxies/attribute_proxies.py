"""The proxies of a namespace and of a single object."""

from __future__ import annotations

from typing import Any

from broker.managers.proxies.proxy import Proxy
from broker.managers.stores import MappingStore


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
