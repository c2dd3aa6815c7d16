"""The factories of a context: multiprocessing's `Value`, `Array`, `RawValue` and `RawArray`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Literal, TypeVar, overload

from broker.engine.owner import Owner
from broker.values.guarded_bytes import AnyLock
from broker.values.layout import CType, check_size, ctype_of, describe
from broker.values.shared import SharedArray, SharedObject, SharedValue, region, view
from broker.values.stored_bytes import StoredArray, StoredBytes, StoredValue
from broker.values.synchronized import Synchronized, SynchronizedArray, default_lock, synchronized

T = TypeVar("T")


class ValueFactories(Owner):
    """Mixin of a context: creates values and arrays, with one request each.

    A type is one of ctypes, or its typecode, as with multiprocessing. The same name is the same bytes in any context on
    any host: whoever creates them first gives them their initial value, and the others find what they are by then.
    Another type raises `MismatchError`.
    """

    @overload
    def RawValue(
        self, typecode_or_type: type[ctypes._SimpleCData[T]], *args: Any, name: str | None = None
    ) -> SharedValue[T]: ...
    @overload
    def RawValue(self, typecode_or_type: Any, *args: Any, name: str | None = None) -> Any: ...
    def RawValue(self, typecode_or_type: Any, *args: Any, name: str | None = None) -> Any:
        """Return a number, a character, a bool, a structure or a union; `args` are its initial value.

        Raises `MismatchError` if the name has another type already.
        """
        ctype = ctype_of(typecode_or_type)
        return self._create(StoredValue, ctype, bytes(ctype(*args)), name)

    @overload
    def RawArray(
        self,
        typecode_or_type: type[ctypes._SimpleCData[T]],
        size_or_initializer: int | Sequence[Any],
        *,
        name: str | None = None,
    ) -> SharedArray[T]: ...
    @overload
    def RawArray(
        self, typecode_or_type: Any, size_or_initializer: int | Sequence[Any], *, name: str | None = None
    ) -> Any: ...
    def RawArray(
        self, typecode_or_type: Any, size_or_initializer: int | Sequence[Any], *, name: str | None = None
    ) -> Any:
        """Return an array of so many zeros, or of what the initializer contains.

        Raises `MismatchError` if the name has another type or length already.
        """
        element = ctype_of(typecode_or_type)
        if isinstance(size_or_initializer, int):
            return self._create(StoredArray, element * size_or_initializer, b"", name)
        ctype = element * len(size_or_initializer)
        return self._create(StoredArray, ctype, bytes(ctype(*size_or_initializer)), name)

    @overload
    def Value(
        self,
        typecode_or_type: type[ctypes._SimpleCData[T]],
        *args: Any,
        lock: AnyLock | Literal[True] | None = True,
        name: str | None = None,
    ) -> Synchronized[T]: ...
    @overload
    def Value(
        self,
        typecode_or_type: type[ctypes._SimpleCData[T]],
        *args: Any,
        lock: Literal[False],
        name: str | None = None,
    ) -> SharedValue[T]: ...
    @overload
    def Value(
        self, typecode_or_type: Any, *args: Any, lock: AnyLock | bool | None = True, name: str | None = None
    ) -> Any: ...
    def Value(
        self, typecode_or_type: Any, *args: Any, lock: AnyLock | bool | None = True, name: str | None = None
    ) -> Any:
        """Return what `RawValue` returns, with a new `RLock` or the given lock; without a lock if `lock` is False.

        Raises `MismatchError` if the name has another type already.
        """
        _check_lock(lock)
        return self._lock(self.RawValue(typecode_or_type, *args, name=name), lock, name)

    @overload
    def Array(
        self,
        typecode_or_type: type[ctypes._SimpleCData[T]],
        size_or_initializer: int | Sequence[Any],
        *,
        lock: AnyLock | Literal[True] | None = True,
        name: str | None = None,
    ) -> SynchronizedArray[T]: ...
    @overload
    def Array(
        self,
        typecode_or_type: type[ctypes._SimpleCData[T]],
        size_or_initializer: int | Sequence[Any],
        *,
        lock: Literal[False],
        name: str | None = None,
    ) -> SharedArray[T]: ...
    @overload
    def Array(
        self,
        typecode_or_type: Any,
        size_or_initializer: int | Sequence[Any],
        *,
        lock: AnyLock | bool | None = True,
        name: str | None = None,
    ) -> Any: ...
    def Array(
        self,
        typecode_or_type: Any,
        size_or_initializer: int | Sequence[Any],
        *,
        lock: AnyLock | bool | None = True,
        name: str | None = None,
    ) -> Any:
        """Return what `RawArray` returns, with a new `RLock` or the given lock; without a lock if `lock` is False.

        Raises `MismatchError` if the name has another type or length already.
        """
        _check_lock(lock)
        return self._lock(self.RawArray(typecode_or_type, size_or_initializer, name=name), lock, name)

    def _create(self, kind: type[StoredBytes], ctype: CType, initial: bytes, name: str | None) -> Any:
        size = check_size(ctype)
        return view(ctype, kind(name, size, describe(ctype), initial, context=self))

    def _lock(self, obj: SharedObject, lock: Any, name: str | None) -> Any:
        if lock in (True, None):
            lock = default_lock(region(obj).memory.stored, name, self)
        return obj if lock is False else synchronized(obj, lock)


def _check_lock(lock: object) -> None:
    if lock is not False and lock not in (True, None) and not hasattr(lock, "acquire"):
        raise AttributeError(f"{lock!r} has no method 'acquire'")
