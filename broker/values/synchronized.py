"""Values, arrays and structures with a lock: multiprocessing's `Value` and `Array`."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Generic, SupportsIndex, TypeVar, overload

from broker.engine.owner import Owner
from broker.locks.rlock import RLock
from broker.values.guarded_bytes import AnyLock, guard
from broker.values.layout import fields
from broker.values.shared import SharedArray, SharedCharArray, SharedObject, SharedStructure, SharedValue, region
from broker.values.stored_bytes import StoredBytes

T = TypeVar("T")
S = TypeVar("S", bound=SharedObject)


def default_lock(stored: StoredBytes, name: str | None, owner: Owner) -> RLock:
    """Return the lock of new bytes, or the one that all processes use for bytes of this name."""
    return RLock(None if name is None else lock_name(stored), context=owner)


def lock_name(stored: StoredBytes) -> str:
    """Return the name of the lock that all processes use for bytes of this name."""
    return f"{stored._kind}:{stored._name}"


class SynchronizedBase(Generic[S]):
    """A shared object with a lock: each access waits until no other thread or process holds the lock.

    An access takes one request if nobody else holds the lock. To read and then write what depends on it, hold the lock:

        with total.get_lock():
            total.value += 1

    If the lock is one of the broker's on the same server, its lease is checked with each access: a holder that has lost
    it (since it paused, for instance) gets `LeaseLostError`, and writes nothing.
    """

    # Structures have the names of their fields, so that all else is behind private names.

    def __init__(self, obj: S, lock: Any) -> None:
        here = region(obj)
        self.__obj = obj
        self.__lock = lock
        self.__guarded: Any = type(obj)(here.ctype, guard(here.memory.stored, lock), here.offset)

    def acquire(self, *args: Any, **options: Any) -> Any:
        """Acquire the lock, with its arguments."""
        return self.__lock.acquire(*args, **options)

    def release(self) -> Any:
        """Release the lock."""
        return self.__lock.release()

    def get_obj(self) -> S:
        """Return the shared object, whose accesses do not look at the lock."""
        return self.__obj

    def get_lock(self) -> Any:
        """Return the lock."""
        return self.__lock

    @property
    def name(self) -> str:
        """The name under which other processes can use the bytes."""
        return self.__obj.name

    def delete(self) -> None:
        """Delete the bytes from the server, and the lock that was created with them under their name."""
        self.__obj.delete()
        if isinstance(self.__lock, RLock) and self.__lock._name == lock_name(region(self.__obj).memory.stored):
            self.__lock.delete()

    def __enter__(self) -> Any:
        return self.__lock.__enter__()

    def __exit__(self, *error: Any) -> Any:
        return self.__lock.__exit__(*error)

    def __reduce__(self) -> tuple[Any, ...]:
        return synchronized, (self.__obj, self.__lock)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} wrapper for {self.__obj!r}>"


def guarded(obj: SynchronizedBase[Any]) -> Any:
    """Return the object whose accesses look at the lock."""
    return obj._SynchronizedBase__guarded  # type: ignore[attr-defined]


class Synchronized(SynchronizedBase[SharedValue[T]]):
    """A number, a character or a bool with a lock."""

    @property
    def value(self) -> T:
        """The value; one that does not fit in the type wraps around."""
        value: T = guarded(self).value
        return value

    @value.setter
    def value(self, value: T) -> None:
        guarded(self).value = value

    def add(self, number: T) -> T:
        """Add `number` and return the sum, in one step on the server: no other change comes in between.

        The sum wraps around, or is rounded, as the type does it. It waits while another thread or process holds the
        lock. Raises `TypeError` if this is not a number.
        """
        total: T = guarded(self).add(number)
        return total


class SynchronizedArray(SynchronizedBase[SharedArray[T]]):
    """An array with a lock; an element or a slice is one request to read, and one to write.

    Iterating over it reads each element when its turn comes; `array[:]` reads all with one request.
    """

    def __len__(self) -> int:
        return len(self.get_obj())

    @overload
    def __getitem__(self, index: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Any: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        return guarded(self)[index]

    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        guarded(self)[index] = value

    def __iter__(self) -> Iterator[T]:
        return iter(guarded(self))


class SynchronizedString(SynchronizedArray[bytes]):
    """An array of bytes with a lock."""

    @property
    def value(self) -> bytes:
        """The bytes up to the first null byte; what is written must fit."""
        value: bytes = guarded(self).value
        return value

    @value.setter
    def value(self, value: bytes) -> None:
        guarded(self).value = value

    @property
    def raw(self) -> bytes:
        """All bytes; what is written may be shorter."""
        raw: bytes = guarded(self).raw
        return raw

    @raw.setter
    def raw(self, value: bytes) -> None:
        guarded(self).raw = value


def synchronized(obj: SharedObject, lock: AnyLock) -> Any:
    """Return a shared object with a lock."""
    if isinstance(obj, SharedValue):
        return Synchronized(obj, lock)
    if isinstance(obj, SharedCharArray):
        return SynchronizedString(obj, lock)
    if isinstance(obj, SharedArray):
        return SynchronizedArray(obj, lock)
    assert isinstance(obj, SharedStructure)
    shared: Any = type(obj)
    return _structure_class(shared, tuple(field.name for field in fields(region(obj).ctype)))(obj, lock)


@functools.lru_cache(maxsize=256)
def _structure_class(shared: Any, names: tuple[str, ...]) -> type[SynchronizedBase[Any]]:
    members = {name: _field_property(name) for name in names}
    return type(shared.__name__.replace("Shared", "Synchronized", 1), (SynchronizedBase,), members)


def _field_property(name: str) -> property:
    return property(lambda each: getattr(guarded(each), name), lambda each, new: setattr(guarded(each), name, new))
