"""Values and arrays for the tasks of an event loop.

What is read or written by a call, and how it is converted, is said by the blocking class of the same name: it is called
with a `_Plan` instead of bytes on the server, before the request and, if that reads, once more with the reply.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, SupportsIndex, TypeVar

from broker.aio.handle import Handle, Owner
from broker.aio.locks import RLock
from broker.engine.handle import INDEX_KEY
from broker.engine.lease import NOT_SENT, Lease
from broker.engine.requests import ask
from broker.errors import LeaseLostError, UnsupportedError
from broker.transport.replies import either, integer
from broker.transport.scripts import BoundScript
from broker.values.guarded_bytes import LEASE_LOST, LOCKED
from broker.values.layout import CType, check_size, ctype_of, describe, is_simple, reads_as_python
from broker.values.shared import SharedObject, region, view
from broker.values.stored_bytes import CREATE, LOST, NO_PERMIT, StoredArray, StoredBytes, StoredValue, sized, sum_size
from broker.values.synchronized import SynchronizedBase, lock_name, synchronized

B = TypeVar("B", bound="_AsyncBytes[Any]")
S = TypeVar("S", bound=StoredBytes)
T = TypeVar("T")

READ, WRITE, ADD = range(3)  # the order of `StoredBytes.scripts`
WRITE_PIECES = -1


class _Plan:
    """Stands in for the bytes: it notes the one access that it is asked for, whose result is `reply`, or zeros."""

    kind = READ
    parse: Callable[[Any], Any]
    arguments: tuple[bytes, ...] | None = None
    reply: bytes | None = None

    def read(self, offset: int, size: int) -> bytes:
        self.parse, self.arguments = sized(size), (b"%d" % offset, b"%d" % (offset + size - 1))
        return bytes(size) if self.reply is None else self.reply

    def write(self, offset: int, data: bytes) -> None:
        self.kind, self.parse, self.arguments = WRITE, integer, (b"%d" % offset, data)

    def write_pieces(self, offset: int, data: bytes, size: int, distance: int) -> None:
        self.kind, self.parse = WRITE_PIECES, integer
        self.arguments = b"%d" % offset, data, b"%d" % size, b"%d" % distance

    def add(self, offset: int, number_format: bytes, addend: bytes) -> bytes:
        self.kind, self.parse = ADD, sized(sum_size(number_format, addend))
        self.arguments = b"%d" % offset, number_format, addend
        return bytes(8) if self.reply is None else self.reply


class _AsyncBytes(Handle[S]):
    _ctype: CType
    _lock: RLock | None

    def __init__(
        self, ctype: CType, initial: bytes, *, lock: RLock | bool | None, name: str | None, context: Owner
    ) -> None:
        check_size(ctype)
        has_own_lock = lock is True or lock is None
        self._lock = None if has_own_lock else _check_lock(lock)
        super().__init__(name, context)
        self._ctype, self._initial, self._is_open = ctype, initial, False
        if has_own_lock:
            self._lock = RLock(None if name is None else lock_name(self._blocking), context=context)

    @classmethod
    def of(cls: type[B], blocking: Any) -> B:
        """Return a handle for the same bytes as a value or an array of `broker`, and for its lock."""
        has_lock = isinstance(blocking, SynchronizedBase)
        shared, lock = (blocking.get_obj(), blocking.get_lock()) if has_lock else (blocking, None)
        where = region(shared) if isinstance(shared, SharedObject) else None
        if where is None or where.offset or not isinstance(where.memory.stored, cls._blocking_class):
            raise TypeError(f"a value or an array of broker is needed, not {blocking!r}")
        made = cls.__new__(cls)
        made._blocking, made._ctype, made._is_open = where.memory.stored, where.ctype, True
        made._lock = None if lock is None else _check_lock(RLock.of(lock))
        return made

    @property
    def blocking(self) -> Any:
        """What `broker` has for threads and other processes; this raises `UnsupportedError` before `open`."""
        if not self._is_open:
            raise UnsupportedError(f"{self!r} has to be opened first: await it.open()")
        shared = view(self._ctype, self._blocking)
        return shared if self._lock is None else synchronized(shared, self._lock.blocking)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self).of, (self.blocking,)

    def get_lock(self) -> RLock:
        """Return the lock."""
        if self._lock is None:
            raise AttributeError(f"{self!r} has no lock")
        return self._lock

    async def open(self) -> None:
        """Create it on the server unless it exists; raise `MismatchError` if it exists with another type."""
        if not self._is_open:
            create = CREATE.bind(self._blocking._keys, more_keys=INDEX_KEY)
            arguments = b"%d" % ctypes.sizeof(self._ctype), describe(self._ctype).encode(), self._initial
            created = await self._drive(lambda client: ask(client, integer, create, *arguments))
            self._blocking._bind_scripts(created)
            self._is_open = True

    async def delete(self) -> None:
        """Delete it from the server, and the lock that has its name; whoever still uses it gets `DataLostError`."""
        await super().delete()
        if self._lock is not None and self._lock.blocking._name == lock_name(self._blocking):
            await self._lock.delete()

    async def _access(self, use: Callable[[Any], T]) -> T:
        """Return what `use` returns of the object on the server."""
        plan: Any = _Plan()
        result = use(view(self._ctype, plan))  # which raises what the blocking class raises for these arguments
        if plan.arguments is None:  # it needs no bytes
            return result
        await self.open()
        scripts = self._blocking.scripts(*([] if self._lock is None else [self._lock.blocking._key]))
        writes_pieces = plan.kind == WRITE_PIECES
        script = self._blocking.pieces_script(scripts[WRITE]) if writes_pieces else scripts[plan.kind]
        reply = await self._run_guarded(plan.parse, script, *plan.arguments)
        if plan.kind in (WRITE, WRITE_PIECES):
            return result
        plan.reply = reply
        return use(view(self._ctype, plan))

    async def _run_guarded(self, parse: Callable[[Any], Any], script: BoundScript, *arguments: bytes) -> Any:
        """Run a script; as the holder of the lock, or if nobody holds it, else when it has been acquired."""
        lease = self._own_lease()
        permit = NO_PERMIT if lease is None else lease.token
        any_reply = either(parse, LOST, LOCKED, LEASE_LOST)
        sent = (self._blocking._may_renew(), permit, *arguments)
        reply = await self._drive(lambda client: ask(client, any_reply, script, client.new_token(), *sent))
        if reply == LOST:
            raise self._blocking._data_lost()
        if reply == LOCKED and self._lock is not None:
            async with self._lock:
                return await self._run_guarded(parse, script, *arguments)
        if reply == LEASE_LOST:
            raise LeaseLostError(f"the lease of {self._lock!r} expired before an access to {self!r}")
        return reply

    def _own_lease(self) -> Lease | None:
        """Return the lease under which this task holds the lock, also if it was lost."""
        if self._lock is None:
            return None
        lease = self._lock.blocking._current_lease(self._get_session().holdings)
        return lease if lease is not None and lease.release == NOT_SENT else None


def _check_lock(lock: Any) -> RLock | None:
    if lock is False:
        return None
    if not isinstance(lock, RLock):
        raise UnsupportedError(f"a value or an array of broker.aio needs an RLock of broker.aio, not {lock!r}")
    return lock


class Value(_AsyncBytes[StoredValue]):
    """The `broker.Value` of the same name, for tasks: a number, a character, a bool or a structure of ctypes.

    An access is one request if nobody else holds the lock. To read and then write what depends on it, hold the lock:

        async with total.get_lock():
            await total.set(await total.get() + 1)

    `add` does that in one step. The first call raises `MismatchError` if the name has another type already.
    """

    _blocking_class = StoredValue

    def __init__(
        self,
        typecode_or_type: Any,
        *args: Any,
        lock: RLock | bool | None = True,
        name: str | None = None,
        context: Owner,
    ) -> None:
        ctype = ctype_of(typecode_or_type)
        super().__init__(ctype, bytes(ctype(*args)), lock=lock, name=name, context=context)

    async def get(self) -> Any:
        """Return the value; of a structure, a copy as an object of ctypes."""
        simple = is_simple(self._ctype)
        return await self._access(lambda shared: shared.value if simple else region(shared).local_copy())

    async def set(self, value: Any) -> None:
        """Write the value, which wraps around if it does not fit in the type; or an object of the structure's type."""
        if is_simple(self._ctype):
            await self._access(lambda shared: setattr(shared, "value", value))
        elif isinstance(value, self._ctype):
            await self._access(lambda shared: region(shared).write(0, bytes(value)))
        else:
            raise TypeError(f"a {self._ctype.__name__} is needed, not {value!r}")

    async def add(self, number: Any) -> Any:
        """Add `number` and return the sum, in one step on the server; raise `TypeError` if this is not a number."""
        return await self._access(lambda shared: shared.add(number))


class Array(_AsyncBytes[StoredArray]):
    """The `broker.Array` of the same name, for tasks; an element or a slice is one request to read, and one to write.

        await squares.set(slice(2, 4), [4, 9])
        assert await squares.get(3) == 9

    The first call raises `MismatchError` if the name has another type or length already.
    """

    _blocking_class = StoredArray

    def __init__(
        self,
        typecode_or_type: Any,
        size_or_initializer: int | Sequence[Any],
        *,
        lock: RLock | bool | None = True,
        name: str | None = None,
        context: Owner,
    ) -> None:
        element = ctype_of(typecode_or_type)
        if not reads_as_python(element):
            raise UnsupportedError("the elements of an array of broker.aio are numbers or characters")
        if isinstance(size_or_initializer, int):
            ctype, initial = element * size_or_initializer, b""
        else:
            ctype = element * len(size_or_initializer)
            initial = bytes(ctype(*size_or_initializer))
        super().__init__(ctype, initial, lock=lock, name=name, context=context)

    def __len__(self) -> int:
        length: int = self._ctype._length_
        return length

    async def get(self, index: SupportsIndex | slice = slice(None)) -> Any:
        """Return an element, or those of a slice; of all, if none is given."""
        return await self._access(lambda shared: shared[index])

    async def set(self, index: SupportsIndex | slice, value: Any) -> None:
        """Write an element, or those of a slice."""
        await self._access(lambda shared: shared.__setitem__(index, value))
