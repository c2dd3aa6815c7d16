"""Recording proxies of values, arrays and managed containers: their operations are counted."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from types import MethodType
from typing import Any

from broker.values.shared import SharedObject, SharedStructure, region
from broker.values.synchronized import SynchronizedBase, guarded
from lab.programs.proxies import RecordingProxy, is_proxy, primitive_of
from lab.programs.recording import count
from lab.trace import UNRECORDED

CTYPES: tuple[type, ...] = (ctypes._SimpleCData, ctypes.Array, ctypes.Structure, ctypes.Union)


class _ContendedLock(RecordingProxy):
    """The lock of a value as its accesses use it: one that has to wait for it is recorded, and others are not."""

    def __init__(self, lock: Any) -> None:
        super().__init__(lock._primitive, lock._name)
        self._recorded = lock
        self._is_recorded = False  # the access that holds the lock

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickle_lock, (self._primitive,)

    def acquire(self) -> bool:
        """Acquire the lock."""
        if waits := not self._primitive.acquire(False):
            self._recorded.acquire()
        self._is_recorded = waits
        return True

    def release(self) -> None:
        """Release the lock."""
        (self._recorded if self._is_recorded else self._primitive).release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def _unpickle_lock(lock: Any) -> Any:
    return lock


def recorded(obj: Any, name: str) -> Any:
    """Return what counts the reads and writes of a shared object without a lock; anything else as it is.

    What is in this machine's memory has to stay an object of ctypes, so its use is not counted; the report says that.
    """
    if isinstance(obj, SharedObject):
        return SharedObjectProxy(obj, name)
    if isinstance(obj, CTYPES):
        count(UNRECORDED, name)
    return [recorded(each, name) for each in obj] if isinstance(obj, list) else obj


class SharedObjectProxy(RecordingProxy):
    """Counts the reads and writes of a value, a structure or an array, also of what is a part of it."""

    def __init__(self, primitive: Any, name: str) -> None:
        vars(self).update(_primitive=primitive, _name=name)

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._primitive, attribute)
        if callable(found):
            return MethodType(found.__func__, self) if self._is_of_program(found) else found
        count("reads", self._name)  # the value, or a field
        return recorded(found, self._name)

    def _is_of_program(self, method: Callable[..., object]) -> bool:
        """Return whether this is a method of a structure that the program has defined, which uses its fields."""
        is_own = isinstance(method, MethodType) and method.__self__ is self._primitive
        return is_own and isinstance(self._primitive, SharedStructure) and not hasattr(SharedObject, method.__name__)

    def __setattr__(self, attribute: str, value: Any) -> None:
        count("writes", self._name)
        setattr(self._primitive, attribute, primitive_of(value))

    def __len__(self) -> int:
        return len(self._primitive)

    def __getitem__(self, index: Any) -> Any:
        count("reads", self._name)
        return recorded(self._primitive[index], self._name)

    def __setitem__(self, index: Any, value: Any) -> None:
        count("writes", self._name)
        self._primitive[index] = primitive_of(value)

    def __bytes__(self) -> bytes:
        count("reads", self._name)
        return bytes(self._primitive)

    @property
    def __buffer__(self) -> Any:
        return self._primitive.__buffer__


class ValueProxy(SharedObjectProxy):
    """Counts the reads and writes of what has a lock; the lock has a proxy of its own."""

    def __init__(self, primitive: Any, name: str, lock: Any) -> None:
        super().__init__(primitive, name)
        vars(self).update(_lock=lock)
        if is_proxy(lock):
            _watch(primitive, _ContendedLock(lock))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._primitive, self._name, self._lock)

    def get_obj(self) -> Any:
        """Return the shared object, whose accesses do not look at the lock."""
        return recorded(self._primitive.get_obj(), self._name)

    def get_lock(self) -> Any:
        """Return the lock."""
        return self._lock

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        """Acquire the lock."""
        return bool(self._lock.acquire(*args, **kwargs))

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()

    def __enter__(self) -> Any:
        return self._lock.__enter__()

    def __exit__(self, *raised: Any) -> None:
        self._lock.__exit__(*raised)


def _watch(primitive: Any, lock: _ContendedLock) -> None:
    """Make the accesses of a value, multiprocessing's or the broker's, use this lock."""
    if isinstance(primitive, SynchronizedBase):
        region(guarded(primitive)).memory._lock = lock  # type: ignore[attr-defined]
    else:
        primitive._lock, primitive.acquire, primitive.release = lock, lock.acquire, lock.release


class ContainerProxy(RecordingProxy):
    """Counts the operations of a managed container; there is a subclass for each class of containers."""

    def __init__(self, primitive: Any, name: str) -> None:
        vars(self).update(_primitive=primitive, _name=name)

    def __reduce__(self) -> tuple[object, ...]:
        return container_proxy, (self._primitive, self._name)

    # The attributes of a namespace, and the value of a managed value.

    def __getattr__(self, attribute: str) -> Any:
        if not attribute.startswith("_"):
            count("uses", self._name)
        return super().__getattr__(attribute)

    def __setattr__(self, attribute: str, value: Any) -> None:
        count("uses", self._name)
        setattr(self._primitive, attribute, value)

    def __delattr__(self, attribute: str) -> None:
        count("uses", self._name)
        delattr(self._primitive, attribute)


def container_proxy(primitive: Any, name: str) -> ContainerProxy:
    """Return a proxy of a managed container."""
    original: Any = type(primitive)
    return _container_class(original)(primitive, name)


@functools.cache
def _container_class(original: Any) -> type[ContainerProxy]:
    """Return a class with the public and the special methods of a class of containers."""
    excluded = {*dir(ContainerProxy)} - {"__str__"}
    if hasattr(original, "__getitem__") and not hasattr(original, "keys"):
        excluded.add("__iter__")  # an iteration gets each item, on each backend
    methods = {
        name: _counted(method)
        for name in dir(original)
        if name not in excluded and (name.startswith("__") or not name.startswith("_"))
        if callable(method := getattr(original, name))
    }
    return type("ContainerProxy", (ContainerProxy,), methods)


def _counted(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: ContainerProxy, *args: Any, **kwargs: Any) -> Any:
        count("uses", self._name)
        result = method(self._primitive, *args, **kwargs)
        return self if result is self._primitive else result  # of `+=`

    return call
