"""Permits: what a lock (one permit) and a semaphore (several) have in common.

The rules are in `engine/lua/state.lua` and `engine/lua/maintenance.lua`; this is the client's side: it requests a
permit, waits for it, holds it and releases it.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from broker.engine.handle import INDEX_KEY
from broker.engine.holders import READ_PERMITS, Holder, Waiter, parse_waiters, read_holders
from broker.engine.lease import Holdings, Lease
from broker.engine.leased_handle import DEFAULT_LEASE, LeasedHandle, check_lease
from broker.engine.operations import Client, Post, Steps
from broker.engine.request import MICROSECOND, Request
from broker.engine.requests import run, unexpected
from broker.engine.shared_scripts import RELEASE, RENEW, WITHDRAW
from broker.engine.waiting import deadline_of
from broker.errors import NotHeldError
from broker.transport.replies import integer
from broker.transport.scripts import NO_KEYS, BoundScript, PackedKeys, Script

ACQUIRE = Script("locks/lua/acquire.lua", arguments=2)
ADD_PERMIT = Script("locks/lua/add_permit.lua")
RAISE_FENCE = Script("locks/lua/raise_fence.lua", arguments=2)
COUNT_FREE = Script("locks/lua/count_free.lua")


class Permits(LeasedHandle):
    """A number of permits under a name; processes on any host acquire and release them one at a time."""

    _key_suffixes = ("queue", "ended")
    __slots__ = ("_acquire_script", "_release_script", "_renew_script", "_value", "lease")

    def _configure(self, *, value: int = 1, lease: float = DEFAULT_LEASE) -> None:
        self.lease = check_lease(lease)
        self._value = value
        keys, fixed = PackedKeys(self._keys), self._fixed_arguments()
        self._acquire_script = ACQUIRE.bind(keys, *fixed, more_keys=INDEX_KEY)
        self._release_script = RELEASE.bind(keys, *fixed)
        self._renew_script = RENEW.bind(keys, *fixed, more_keys=INDEX_KEY)

    def _fixed_arguments(self) -> tuple[int, int]:
        return self._value, round(self.lease / MICROSECOND)

    @property
    def _withdrawal(self) -> BoundScript:
        return self._bind_script(WITHDRAW)

    @property
    def _add_permit_script(self) -> BoundScript:
        return self._bind_script(ADD_PERMIT, INDEX_KEY)

    @property
    def _raise_fence_script(self) -> BoundScript:
        return self._bind_script(RAISE_FENCE)

    @property
    def _count_free_script(self) -> BoundScript:
        return self._bind_script(COUNT_FREE, INDEX_KEY)

    def _bind_script(self, script: Script, more_keys: PackedKeys = NO_KEYS) -> BoundScript:
        return script.bind(self._acquire_script.keys, *self._fixed_arguments(), more_keys=more_keys)

    @property
    def _read_script(self) -> BoundScript:
        return READ_PERMITS.bind(self._keys[:2])

    def acquire(self, block: bool = True, timeout: float | None = None, *, blocking: bool = True) -> bool:
        """Acquire a permit; return whether it was acquired.

        Waits until a permit is free, in order of arrival: for at most `timeout` seconds, and not at all if `block` is
        false or `timeout` is 0 or less. The permit is held under a lease, which is renewed until `release`. `blocking`
        is what threading and the managers of multiprocessing call `block`.
        """
        deadline = deadline_of(block and blocking, timeout)
        holdings = self._get_session().holdings
        return self._drive(lambda client: self._acquire_permit(holdings, client, deadline))

    def release(self) -> None:
        """Release the permit that this thread acquired last, or one of another thread of this process.

        Raises `NotHeldError` if this process holds none, and `LeaseLostError` if the lease expired before.
        """
        holdings = self._get_session().holdings
        self._drive(lambda client: self._release_permit(holdings, client))

    @property
    def held(self) -> bool:
        """Whether this thread, or another of this process, is certain to hold a permit; this sends no request.

        A lease that has expired is lost, even if no other process has acquired the permit: `held` stays false, and
        `release` raises `LeaseLostError`.
        """
        return self._is_held(self._get_session().holdings)

    @property
    def fence(self) -> int | None:
        """The fence of the permit that `held` refers to, or None; this number rises with every grant."""
        return self._current_fence(self._get_session().holdings)

    def holders(self) -> list[Holder]:
        """Return who holds a permit, the one that acquired it first at the head; this changes nothing.

        A holder that was killed is listed until its lease expires, and a waiter as soon as a permit is granted to it.
        """
        return self._ask(read_holders, self._read_script)

    def waiters(self) -> list[Waiter]:
        """Return who waits in `acquire`, the next one first; this changes nothing.

        A waiter that was killed is listed until it would be the next.
        """
        return self._ask(self._parse_waiters, self._read_script)

    def _parse_waiters(self, reply: Any) -> list[Waiter]:
        _, _, waiters = reply
        return parse_waiters("acquire", waiters)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def open(self) -> None:
        """Create it on the server unless it exists; raise `MismatchError` if it exists with another start value."""
        self._count_free()

    def _acquire_permit(self, holdings: Holdings, client: Client, deadline: float) -> Steps[bool]:
        return PermitRequest(self, holdings, client).complete(deadline)

    def _release_permit(self, holdings: Holdings, client: Client) -> Steps[None]:
        if not (yield from self._release(holdings, client, self._release_script, self._release_order)):
            raise NotHeldError(f"{self!r} is not held by this process")

    def _is_held(self, holdings: Holdings) -> bool:
        lease = self._current_lease(holdings)
        return lease is not None and lease.is_valid

    def _current_fence(self, holdings: Holdings) -> int | None:
        lease = self._current_lease(holdings)
        return None if lease is None else lease.fence

    def _count_free(self) -> int:
        return self._ask(integer, self._count_free_script)


class PermitRequest(Request):
    """A request for a permit."""

    _unanswered_is_timeout = True

    def __init__(self, permits: Permits, holdings: Holdings, client: Client) -> None:
        super().__init__(permits, holdings, client, permits._acquire_script, permits.lease)
        self._permits = permits
        self._last_fence = holdings.fences.get(self._key, 0)

    def _undo(self) -> tuple[BoundScript, tuple[bytes, ...]]:
        return self._permits._withdrawal, (self._token,)

    def _on_grant(self, fence: int) -> None:
        if type(fence) is not int or fence <= 0:
            raise unexpected(self._client, fence)
        self._accept(self._new_lease(fence, self._sent_at, self._sent_at + self._lease, self._permits._renew_script))

    def _on_grant_message(self, fence: int, expires_at: float) -> Steps[bool]:
        now, tenth = self._client.now(), self._ack_timeout / 10
        lease = self._new_lease(fence, now, expires_at, self._permits._renew_script)
        lease.brief_until = now + tenth
        if self._holdings.held_briefly.get(self._key) and now + 9 * tenth < expires_at:
            lease.renew_at = lease.brief_until  # it is probably released before
        else:
            yield Post(self._permits._renew_script, (self._token,))  # acknowledges the grant
        self._accept(lease)
        return True

    def _accept(self, lease: Lease) -> None:
        self._hold(lease)
        fence = lease.fence
        self._is_outdated = fence <= self._last_fence
        if fence > self._holdings.fences.get(self._key, 0):  # else another thread has got a higher one
            self._holdings.fences[self._key] = fence

    def _renew_grant(self, deadline: float) -> Steps[bool]:
        assert self._granted is not None
        self._holdings.drop(self._key, self._granted)
        self._sent_at = self._client.now()
        script, fence = self._permits._raise_fence_script, b"%d" % self._last_fence
        raised, _ = yield from run(self._client, script, self._token, fence, deadline=deadline)
        if raised == 0:
            return False
        self._on_grant(raised)
        if self._is_outdated:
            raise unexpected(self._client, raised)
        return True
