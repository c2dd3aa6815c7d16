"""A condition variable for processes on any number of hosts."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

from broker.engine.arguments import check_count
from broker.engine.handle import INDEX_KEY, Handle
from broker.engine.holders import Waiter, parse_waiters
from broker.engine.lease import NOT_SENT, Holdings, Lease
from broker.engine.leased_handle import DEFAULT_LEASE
from broker.engine.operations import Client, Steps
from broker.engine.owner import Owner
from broker.engine.requests import ask
from broker.engine.waiting import deadline_of
from broker.errors import InvalidArgumentError, NotOwnedError, UnsupportedError
from broker.locks.lock import Lock
from broker.locks.rlock import RLock
from broker.locks.wait_request import WaitRequest
from broker.transport.connection import NEVER
from broker.transport.replies import integer
from broker.transport.scripts import BoundScript, Command, PackedKeys, Script

NOTIFY = Script("locks/lua/notify_condition.lua", arguments=3)
ALL = 2**31 - 1  # more than can wait

ConditionLock: TypeAlias = Lock | RLock
C = TypeVar("C", bound="Condition")
T = TypeVar("T")
_notify_numbers = itertools.count(1)


class Condition(Handle):
    """`multiprocessing.Condition` over Redis: threads that hold its lock wait until another one notifies them.

    `lock` is a `Lock` or an `RLock` of the same server; without one, the condition has an `RLock` of its own, with the
    same name and a lease of `lease` seconds. `wait` begins to wait and releases the lock in one step. When it returns,
    it holds the lock again, as often as before. Those that `notify` chooses, the longest waiting first, queue for the
    lock at once, so each is woken only when it has got it. If one of them is killed before, its notification goes to
    the next waiter.

        with condition:
            condition.wait_for(lambda: store.is_ready())

    A pickled condition is a handle for the same condition, and its lock, in any process.
    """

    _kind = "condition"
    _key_suffixes = ("waiting", "notified")
    __slots__ = ("_lock", "_packed_keys")
    _lock: ConditionLock

    def __init__(
        self,
        lock: ConditionLock | None = None,
        *,
        name: str | None = None,
        lease: float = DEFAULT_LEASE,
        context: Owner | None = None,
    ) -> None:
        self._lock = RLock(name, lease=lease, context=context) if lock is None else _check_lock(lock)
        super().__init__(name, context=context)

    @classmethod
    def at(cls: type[C], url: str, name: str, **options: Any) -> C:
        """Return a handle for `name` on the server at `url` with this `lock`; this sends no request."""
        condition = cls.__new__(cls)
        condition._lock = options["lock"]
        condition._bind(url, name, {})
        return condition

    def _configure(self) -> None:
        if self._server != self._lock._server:
            raise InvalidArgumentError(f"{self!r} and its lock must be on the same server")
        self._packed_keys = PackedKeys([*self._lock._keys, *self._keys])

    def _pickled_options(self) -> dict[str, Any]:
        return {"lock": self._lock}

    @property
    def lock(self) -> ConditionLock:
        """The lock."""
        return self._lock

    def acquire(self, block: bool = True, timeout: float | None = None, *, blocking: bool = True) -> bool:
        """Acquire the lock; see its `acquire`."""
        return self._lock.acquire(block and blocking, timeout)

    def release(self) -> None:
        """Release the lock; see its `release`."""
        self._lock.release()

    def __enter__(self) -> bool:
        return self._lock.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.__exit__(kind, error, trace)

    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock, wait to be notified, and acquire the lock again; return whether it was notified.

        Returns False if it was not notified within `timeout` seconds; then, too, the lock has been acquired again,
        which may take longer. Raises `NotOwnedError` if this thread does not hold the lock, and `LeaseLostError` if its
        lease had expired. If it is interrupted, or the server fails, the lock is acquired again before the error is
        raised; if that is not possible, the lock is lost.
        """
        deadline = deadline_of(True, timeout)
        holdings = self._get_session().holdings
        return self._drive(lambda client: self._wait(holdings, client, holdings.owner(), deadline))

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until `predicate` returns something true, or until the timeout; return what it returned last."""
        deadline = deadline_of(True, timeout)
        while not (result := predicate()) and (deadline == NEVER or time.monotonic() < deadline):
            self.wait(None if deadline == NEVER else deadline - time.monotonic())
        return result

    def notify(self, n: int = 1) -> None:
        """Notify the `n` threads that have waited longest; they get the lock in turn after this one has released it.

        Raises `NotOwnedError` if this thread does not hold the lock, and `LeaseLostError` if its lease had expired.
        """
        count = check_count(n, "a number of waiters")
        holdings = self._get_session().holdings
        self._drive(lambda client: self._notify(holdings, client, count))

    def notify_all(self) -> None:
        """Notify all threads that wait; see `notify`."""
        self.notify(ALL)

    def waiters(self) -> list[Waiter]:
        """Return who waits to be notified, the next one first; this changes nothing."""
        return self._drive(self._list_waiters)

    def _list_waiters(self, client: Client) -> Steps[list[Waiter]]:
        command = Command(b"ZRANGE")
        return ask(client, partial(parse_waiters, "wait"), command, self._keys[1], b"0", b"-1", b"WITHSCORES")

    def _wait(self, holdings: Holdings, client: Client, owner: int, deadline: float) -> Steps[bool]:
        request = WaitRequest(self._lock, self._bind_script, holdings, client, self._held_lease(holdings, owner))
        yield from request.complete(deadline)
        return request.was_notified

    def _notify(self, holdings: Holdings, client: Client, count: int) -> Steps[None]:
        held = self._held_lease(holdings, holdings.owner())
        if count <= 0:
            return
        numbers = b"%d" % next(_notify_numbers), b"%d" % count
        if not (yield from ask(client, integer, self._bind_script(NOTIFY), held.token, *numbers)):
            held.lost = True
            raise self._lock._lease_lost()

    def _held_lease(self, holdings: Holdings, owner: int) -> Lease:
        for lease in reversed(holdings.leases(self._lock._key)):
            if lease.owner == owner and lease.release == NOT_SENT:
                if lease.has_expired:
                    raise self._lock._lease_lost()
                return lease
        raise NotOwnedError(f"{self._lock!r} is not held by this thread")

    def _bind_script(self, script: Script) -> BoundScript:
        return script.bind(self._packed_keys, *self._lock._fixed_arguments(), more_keys=INDEX_KEY)


def _check_lock(lock: Any) -> ConditionLock:
    if not isinstance(lock, (Lock, RLock)):
        raise UnsupportedError(f"a condition over Redis needs a Lock or an RLock over Redis, not {lock!r}")
    return lock
