"""What is behind the names of `multiprocessing.managers`, where managed objects are on the server.

Managers of a program's own classes stay multiprocessing's: only what `Manager()` gives has a Redis-backed version. The
classes here are multiprocessing's to derive from, and Redis-backed objects are instances of them.
"""

from __future__ import annotations

from abc import ABCMeta
from multiprocessing import managers, process
from typing import Any

from broker.managers import manager, proxies
from lab.programs import providers


def Manager() -> manager.Manager:  # noqa: N802
    """`multiprocessing.Manager`."""
    # There, the manager is a process, which has a number: that of the next one must not depend on the backend.
    next(process._process_counter)  # type: ignore[attr-defined]
    made: manager.Manager = providers.current_context().Manager()
    return made


class SyncManager(managers.SyncManager, metaclass=ABCMeta):
    """`multiprocessing.managers.SyncManager`."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        """Return what `Manager` returns, unless this is a class of the program's own."""
        return super().__new__(cls) if cls.__module__ != __name__ else Manager()


def _derive(name: str, twin: type) -> type:
    derived = ABCMeta(name, (getattr(managers, name),), {"__module__": __name__})
    derived.register(twin)
    return derived


ABCMeta.register(SyncManager, manager.Manager)
DictProxy = _derive("DictProxy", proxies.DictProxy)
ListProxy = _derive("ListProxy", proxies.ListProxy)
NamespaceProxy = _derive("NamespaceProxy", proxies.NamespaceProxy)
ValueProxy = _derive("ValueProxy", proxies.ValueProxy)
ArrayProxy = _derive("ArrayProxy", proxies.ArrayProxy)

MANAGERS = {
    each.__name__: each for each in (Manager, SyncManager, DictProxy, ListProxy, NamespaceProxy, ValueProxy, ArrayProxy)
}
