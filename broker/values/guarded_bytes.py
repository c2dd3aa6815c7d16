"""Bytes under a lock: each access waits until nobody else holds it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from broker.engine.lease import NOT_SENT, Lease
from broker.errors import LeaseLostError, NotHeldError
from broker.locks.lock import Lock
from broker.locks.rlock import RLock
from broker.transport.replies import integer
from broker.transport.scripts import BoundScript
from broker.values.stored_bytes import LOST, NO_PERMIT, Memory, StoredBytes, sized, sum_size

LOCKED, LEASE_LOST = -2, -3  # replies to a guarded access, see values/lua/stored_bytes.lua
STATUSES = (LOST, LOCKED, LEASE_LOST)


class AnyLock(Protocol):
    """What multiprocessing accepts as a lock."""

    def acquire(self) -> object:
        """Acquire it."""

    def release(self) -> object:
        """Release it."""


def guard(stored: StoredBytes, lock: AnyLock) -> Memory:
    """Return these bytes under a lock."""
    if isinstance(lock, (Lock, RLock)) and lock._server == stored._server and _is_original(lock):
        return GuardedBytes(stored, lock)
    return LockedBytes(stored, lock)


def _is_original(lock: Lock | RLock) -> bool:
    """Return whether its class has the broker's own methods, so that nobody notices if they are not called."""
    original: type = RLock if isinstance(lock, RLock) else Lock
    return all(getattr(type(lock), name) is getattr(original, name) for name in ("acquire", "release"))


@contextlib.contextmanager
def _hold(lock: AnyLock) -> Iterator[None]:
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


class LockedBytes:
    """Bytes under a lock of any kind, which is acquired for each access."""

    def __init__(self, stored: StoredBytes, lock: Any) -> None:
        self.stored = stored
        self._lock = lock

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[Memory]:
        """Hold the lock."""
        with self._lock if hasattr(self._lock, "__enter__") else _hold(self._lock):
            yield self.stored

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on."""
        with self.exclusive():
            return self.stored.read(offset, size)

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes at `offset`."""
        with self.exclusive():
            self.stored.write(offset, data)

    def write_pieces(self, offset: int, data: bytes, size: int, distance: int) -> None:
        """Write pieces of `size` bytes: the first one at `offset`, each of the others `distance` behind the last."""
        with self.exclusive():
            self.stored.write_pieces(offset, data, size, distance)

    def add(self, offset: int, number_format: bytes, addend: bytes) -> bytes:
        """Add to a number; the arguments and the result are those of add.lua."""
        with self.exclusive():
            return self.stored.add(offset, number_format, addend)


class GuardedBytes(LockedBytes):
    """Bytes under a lock of the broker on the same server, which looks at the lock in the request for the bytes.

    If nobody holds the lock, there is nothing to wait for: the access is one step on the server, as if the lock was
    acquired before and released after it. If this thread holds a reentrant lock, the server checks that it still does.
    Otherwise the lock is acquired.
    """

    def __init__(self, stored: StoredBytes, lock: Lock | RLock, is_held: bool = False) -> None:
        super().__init__(stored, lock)
        self._is_held = is_held  # also a lock that is not reentrant, by whoever uses this
        self._read_script, self._write_script, self._add_script = stored.scripts(lock._key)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[Memory]:
        """Hold the lock; its lease is checked with each access."""
        with self._lock:
            yield GuardedBytes(self.stored, self._lock, is_held=True)

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on."""
        arguments = b"%d" % offset, b"%d" % (offset + size - 1)
        data: bytes = self._access(sized(size, *STATUSES), self._read_script, *arguments)
        return data

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes at `offset`."""
        self._access(integer, self._write_script, b"%d" % offset, data)

    def write_pieces(self, offset: int, data: bytes, size: int, distance: int) -> None:
        """Write pieces of `size` bytes: the first one at `offset`, each of the others `distance` behind the last."""
        arguments = b"%d" % offset, data, b"%d" % size, b"%d" % distance
        self._access(integer, self.stored.pieces_script(self._write_script), *arguments)

    def add(self, offset: int, number_format: bytes, addend: bytes) -> bytes:
        """Add to a number; the arguments and the result are those of add.lua."""
        arguments = b"%d" % offset, number_format, addend
        parse = sized(sum_size(number_format, addend), *STATUSES)
        total: bytes = self._access(parse, self._add_script, *arguments)
        return total

    def _access(self, parse: Callable[[Any], Any], script: BoundScript, *arguments: bytes) -> Any:
        before = self._own_lease()
        if before is not None and (self._is_held or isinstance(self._lock, RLock)):
            return self._access_as_holder(before, parse, script, *arguments)
        reply = self.stored.access(parse, script, NO_PERMIT, *arguments)
        if reply != LOCKED:
            return reply
        try:
            with self._lock:
                return self._access_as_holder(self._own_lease(), parse, script, *arguments)
        except BaseException:
            if self._own_lease() is not before:  # Ctrl-C within acquire or release; nobody else would release it
                with contextlib.suppress(NotHeldError):
                    self._lock.release()
            raise

    def _access_as_holder(
        self, lease: Lease | None, parse: Callable[[Any], Any], script: BoundScript, *arguments: bytes
    ) -> Any:
        reply = LEASE_LOST if lease is None else self.stored.access(parse, script, lease.token, *arguments)
        if reply == LEASE_LOST:
            raise LeaseLostError(f"the lease of {self._lock!r} expired before an access to {self.stored!r}")
        return reply

    def _own_lease(self) -> Lease | None:
        """Return the lease under which this thread holds the lock, also if it was lost."""
        holdings = self._lock._get_session().holdings
        if not holdings.leases(self._lock._key):
            return None
        lease: Lease | None = self._lock._current_lease(holdings)
        is_own = lease is not None and lease.owner == holdings.owner() and lease.release == NOT_SENT
        return lease if is_own else None
