"""`multiprocessing.Manager`, whose containers are on the server instead of in a process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing import managers
from typing import Any, ClassVar

from broker.managers import primitives
from broker.managers.base_manager import BaseManager, State
from broker.managers.proxies import ArrayProxy, DictProxy, ListProxy, NamespaceProxy, SetProxy, ValueProxy
from broker.managers.stores import ListStore, MappingStore, NamespaceStore, SetStore, Store

MULTIPROCESSING: dict[str, tuple[Any, ...]] = {**managers.SyncManager._registry}  # type: ignore[attr-defined]


class SyncManager(BaseManager):
    """`multiprocessing.Manager` over Redis: creates containers and primitives that processes on any host can use.

    There is no process that holds them, so nothing is lost when a process dies, and no process has to be reached. A
    container is a list or a hash on the server. Each call is one request, or two if Python has to compare items. What
    the manager has created is deleted by `shutdown`, at the end of its `with` block, and when its context is closed.

    It takes the arguments of `BaseManager`. Objects of classes that were registered are in a process, as with that one;
    `start` starts it if there are any.
    """

    # For results of methods, as `method_to_typeid` names their types: these objects are in the process, too.
    _registry: ClassVar[dict[str, tuple[Any, ...]]] = {**MULTIPROCESSING}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        owner: Any = self._owner
        context = self._context = owner.copy_for_manager()
        self.Lock = partial(primitives.Lock, context=context)
        self.RLock = partial(primitives.RLock, context=context)
        self.Semaphore = partial(primitives.Semaphore, context=context)
        self.BoundedSemaphore = partial(primitives.BoundedSemaphore, context=context)
        self.Condition = partial(primitives.Condition, context=context)
        self.Event = context.Event
        self.Barrier = context.Barrier
        self.Queue = partial(context._managed_queue, context=context)
        self.JoinableQueue = partial(context._managed_joinable_queue, context=context)
        self.Pool = owner.Pool
        for name in self._registered:
            vars(self).pop(name, None)  # what a program has registered under this name comes first

    @property
    def _registered(self) -> list[str]:
        """The names of what a program has registered."""
        return [name for name, entry in self._registry.items() if MULTIPROCESSING.get(name) != entry]

    def list(self, sequence: Iterable[Any] = (), /) -> ListProxy:
        """Return a list that contains the items of `sequence`."""
        proxy = ListProxy(self._store(ListStore))
        if items := [*sequence]:
            proxy.extend(items)
        return proxy

    def dict(self, *others: Any, **more: Any) -> DictProxy:
        """Return a dictionary, with the arguments of `dict`."""
        proxy = DictProxy(self._store(MappingStore))
        if items := dict(*others, **more):
            proxy.update(items)
        return proxy

    def set(self, elements: Iterable[Any] = (), /) -> SetProxy:
        """Return a set of these elements."""
        proxy = SetProxy(self._store(SetStore))
        if elements := {*elements}:
            proxy.update(elements)
        return proxy

    def Namespace(self, /, **attributes: Any) -> NamespaceProxy:
        """Return a namespace with these attributes."""
        store = self._store(NamespaceStore)
        if attributes:
            store.put(attributes.items())
        return NamespaceProxy(store)

    def Value(self, typecode: Any, value: Any, lock: Any = True) -> ValueProxy:  # noqa: ARG002 - as multiprocessing's
        """Return an object that holds `value`, which may be of any type: the typecode is for compatibility."""
        proxy = ValueProxy(self._store(NamespaceStore))
        proxy.value = value
        return proxy

    def Array(self, typecode: str, sequence: Iterable[Any], lock: Any = True) -> ArrayProxy:  # noqa: ARG002
        """Return an array of this typecode, which has the methods of multiprocessing's."""
        proxy = ArrayProxy(self._store(ListStore), typecode)
        proxy.extend(sequence)
        return proxy

    def start(self, initializer: Callable[..., object] | None = None, initargs: Iterable[Any] = ()) -> None:
        """Start the process for objects of registered classes, if there are any."""
        if self._registered:
            super().start(initializer, initargs)
        else:
            self._check_not_started()
            self._state.value = State.STARTED

    def shutdown(self) -> None:  # type: ignore[override]
        """Delete what this manager has created, and end its process."""
        super().shutdown()
        self._state.value = State.SHUTDOWN
        self._context.delete_primitives()

    def _store(self, kind: type[Store]) -> Any:
        assert self._state.value == State.STARTED, "server not yet started"
        return self._context._stores[kind](context=self._context)
