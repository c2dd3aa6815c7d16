"""What is behind the names of `multiprocessing.managers`, where managed objects are reached through Redis.

The proxies' classes here are multiprocessing's to derive from, and Redis-backed objects are instances of them.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing import managers, process
from multiprocessing.context import BaseContext
from typing import Any

from broker import managers as twins
from broker.managers import proxies
from lab.programs import providers

LEASED = {"Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Barrier", "JoinableQueue"}


class BaseManager(twins.BaseManager):
    """`multiprocessing.managers.BaseManager`."""

    def __init__(
        self,
        address: Any = None,
        authkey: bytes | None = None,
        serializer: str = "pickle",
        ctx: BaseContext | None = None,
        **options: Any,
    ) -> None:
        context = providers.current_context(ctx.get_start_method() if ctx else None)
        super().__init__(address, authkey, serializer, context, **options)


class SyncManager(BaseManager, twins.SyncManager):
    """`multiprocessing.managers.SyncManager`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in LEASED & vars(self).keys():  # the others are what the program has registered
            setattr(self, name, partial(getattr(self, name), lease=providers.current_lease()))

    def start(self, initializer: Callable[..., object] | None = None, initargs: Iterable[Any] = ()) -> None:
        """Start the manager."""
        super().start(initializer, initargs)
        if self._process is None:
            # multiprocessing's is a process, which has a number: that of the next one must not depend on the backend.
            next(process._process_counter)  # type: ignore[attr-defined]


def Manager() -> SyncManager:  # noqa: N802
    """`multiprocessing.Manager`."""
    manager = SyncManager()
    manager.start()
    return manager


def _derive(name: str) -> type:
    derived = ABCMeta(name, (getattr(managers, name),), {"__module__": __name__})
    derived.register(getattr(proxies, name))
    return derived


# Python has `SetProxy` from 3.14 on.
PROXIES = [name for name in vars(proxies) if name.endswith("Proxy") and hasattr(managers, name)]
MANAGERS = {each.__name__: each for each in (BaseManager, SyncManager, Manager)} | {
    name: _derive(name) for name in PROXIES
}
