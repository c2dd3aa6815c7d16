"""Managers: multiprocessing's `Manager`, whose objects are on the server instead of in a process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NoReturn

from broker.errors import UnsupportedError
from broker.managers.proxies import ArrayProxy, DictProxy, ListProxy, NamespaceProxy, ValueProxy
from broker.managers.stores import ListStore, MappingStore, NamespaceStore, Store, Stores


class Manager:
    """`multiprocessing.Manager` over Redis: creates containers and primitives that processes on any host can use.

    There is no process that holds them, so nothing is lost when a process dies, and no process has to be reached. A
    container is a list or a hash on the server. Each call is one request, or two if Python has to compare items. What
    the manager has created is deleted by `shutdown`, at the end of its `with` block, and when its context is closed.
    """

    def __init__(self, context: Any, stores: Stores, pool: Callable[..., Any]) -> None:
        """Create a manager; what it creates in `context`, it deletes. `stores` and `pool` are what it creates, too."""
        self._context = context
        self._stores = stores
        self.Lock = context.Lock
        self.RLock = context.RLock
        self.Semaphore = context.Semaphore
        self.BoundedSemaphore = context.BoundedSemaphore
        self.Condition = context.Condition
        self.Event = context.Event
        self.Barrier = context.Barrier
        self.Queue = context.Queue
        self.JoinableQueue = context.JoinableQueue
        self.Pool = pool

    def list(self, sequence: Iterable[Any] = (), /) -> ListProxy:
        """Return a list that contains the items of `sequence`."""
        proxy = ListProxy(self._create(ListStore))
        if items := [*sequence]:
            proxy.extend(items)
        return proxy

    def dict(self, *others: Any, **more: Any) -> DictProxy:
        """Return a dictionary, with the arguments of `dict`."""
        proxy = DictProxy(self._create(MappingStore))
        if items := dict(*others, **more):
            proxy.update(items)
        return proxy

    def Namespace(self, /, **attributes: Any) -> NamespaceProxy:
        """Return a namespace with these attributes."""
        store = self._create(NamespaceStore)
        if attributes:
            store.put(attributes.items())
        return NamespaceProxy(store)

    def Value(self, typecode: Any, value: Any, lock: Any = True) -> ValueProxy:  # noqa: ARG002 - as multiprocessing's
        """Return an object that holds `value`, which may be of any type: the typecode is for compatibility."""
        proxy = ValueProxy(self._create(NamespaceStore))
        proxy.value = value
        return proxy

    def Array(self, typecode: str, sequence: Iterable[Any], lock: Any = True) -> ArrayProxy:  # noqa: ARG002
        """Return an array of this typecode, which has the methods of multiprocessing's."""
        proxy = ArrayProxy(self._create(ListStore), typecode)
        proxy.extend(sequence)
        return proxy

    def register(self, *_: object, **__: object) -> NoReturn:
        """Raise `UnsupportedError`: objects of other classes need a process that holds them."""
        raise UnsupportedError(
            "a manager over Redis has no process for objects of other classes; use multiprocessing.managers.BaseManager"
        )

    def start(self) -> None:
        """Do nothing: there is no process to start."""

    def join(self, timeout: float | None = None) -> None:
        """Do nothing: there is no process to wait for."""

    def shutdown(self) -> None:
        """Delete what this manager has created."""
        self._context.delete_primitives()

    def __enter__(self) -> Manager:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()

    def _create(self, kind: type[Store]) -> Any:
        return self._stores[kind](context=self._context)
