"""Permits: what a lock (one permit) and a semaphore (several) have in common.

The rules stand in `lua/state.lua` and `lua/rules.lua`; here a process asks, waits, keeps what it holds and gives it
back.
"""

from __future__ import annotations

import contextlib
import threading
import time
from types import TracebackType

from broker import scripts
from broker.connection import NEVER, Connection
from broker.errors import InvalidArgumentError, LeaseLostError, NotHeldError, ServerUnavailableError
from broker.handle import Handle
from broker.lease import Lease
from broker.waiting import wait

LEASE = 10.0  # seconds, unless told otherwise
PROBATION = 1.0  # seconds in which a waiter must react to its grant, as in lua/rules.lua
NEIGHBOUR = 0.5  # seconds by which each waiter lets the one before it look first
MARGIN = 0.005  # seconds: look just after a lease has ended, not just before
MICROSECOND = 1e-6


class Permits(Handle):
    """A number of permits under a name, of which processes anywhere take one at a time and give it back."""

    _parts = ("queue", "ended")

    def __init__(self, url: str, name: str, value: int, lease: float) -> None:
        super().__init__(url, name)
        self.lease = check_lease(lease)
        self._value = value
        fixed = (value, round(lease / MICROSECOND))
        self._acquire = scripts.ACQUIRE.bind(self._keys, *fixed)
        self._release = scripts.RELEASE.bind(self._keys, *fixed)
        self._renew = scripts.RENEW.bind(self._keys, *fixed)
        self._add = scripts.ADD.bind(self._keys, *fixed)
        self._count = scripts.VALUE.bind(self._keys, *fixed)

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take a permit; return whether it was got.

        Waits until one is free, first come, first served: `timeout` seconds at most, not at all with `block` false or
        a timeout of 0 or less. Whoever gets True holds the permit under a lease that is renewed until `release`.
        """
        if not block or (timeout is not None and timeout <= 0):
            deadline = 0.0
        else:
            deadline = NEVER if timeout is None else time.monotonic() + timeout
        here = self._here()
        connection = here.borrow()
        try:
            lease = _Request(self, connection).obtain(deadline)
        finally:
            here.give_back(connection)
        if lease is None:
            return False
        self._leases().append(lease)
        here.keeper.add(lease)
        return True

    def release(self) -> None:
        """Give back what this thread took last, or else what another thread of this process did.

        Raises `NotHeldError` if this process holds nothing, `LeaseLostError` if the lease ended before.
        """
        if not self._release_own():
            raise NotHeldError(f"{self!r} is not held by this process")

    @property
    def held(self) -> bool:
        """Whether the calling thread, or else another of this process, surely still holds a permit; asks nobody."""
        lease = _own(self._leases())
        return lease is not None and lease.live

    @property
    def fence(self) -> int | None:
        """The number of the grant that `held` speaks of; it rises with every grant of this name. None if none."""
        lease = _own(self._leases())
        return None if lease is None else lease.fence

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _leases(self) -> list[Lease]:
        return self._here().held(self._key)

    def _release_own(self) -> bool:
        leases = self._leases()
        while (lease := _own(leases)) is not None:
            try:
                leases.remove(lease)
            except ValueError:  # another thread was faster
                continue
            self._here().keeper.drop(lease)
            lost = lease.lost  # read now: a renewal that is under way may yet find the permit released
            released, again = self._run(self._release, lease.token)
            # Not held, but sent more than once: the first request released it, and only its reply was lost.
            if released == 1 or (released == 0 and again and not lost):
                return True
            raise LeaseLostError(f"the lease of {self!r} had ended before it was released; others may have been let in")
        return False

    def _add_permit(self) -> None:
        self._run(self._add)

    def _free(self) -> int:
        return int(self._run(self._count)[0])


def _own(leases: list[Lease]) -> Lease | None:
    # A thread whose own lease was lost must be told so, and must not lay hands on another thread's.
    thread = threading.get_ident()
    for lease in (latest_first := tuple(reversed(leases))):
        if lease.thread == thread:
            return lease
    return next((lease for lease in latest_first if lease.live), next(iter(latest_first), None))


class _Request:
    """One wish for a permit, from asking to holding it."""

    def __init__(self, permits: Permits, connection: Connection) -> None:
        self.channel = connection.address
        self.look_at = NEVER
        self._permits = permits
        self._connection = connection
        self._token = connection.token()
        self._lease: Lease | None = None
        self._asked = self._clock = 0.0

    def obtain(self, deadline: float) -> Lease | None:
        """Return the lease, or None if there was none to be had until `deadline`."""
        try:
            # Only one who listens may queue; whoever does not yet first sees whether he has to.
            if deadline <= 0 or not self._connection.listens(self.channel):
                self._try(False, deadline)
            if self._lease is None and deadline > 0 and not wait(self._connection, self, deadline):
                self._try(False, deadline)  # leaves the queue, unless the grant came in this very moment
        except ServerUnavailableError:
            if not 0 < deadline <= time.monotonic():
                raise
            return None  # a time-out is no error; a grant that nobody heard of ends with its lease
        except BaseException:
            self._withdraw()
            raise
        return self._lease

    def ask(self, until: float) -> bool:
        return self._try(True, until)

    def _try(self, queue: bool, until: float) -> bool:
        self._asked = time.monotonic()
        acquire = self._permits._acquire
        in_queue = b"1" if queue else b"0"
        reply, _ = self._permits._ask(self._connection, acquire, self._token, in_queue, until=until)
        if isinstance(reply, int):
            self._lease = self._granted(reply, self._asked + self._permits.lease)
        else:
            self._clock, look, rank = reply
            patience = min(rank * NEIGHBOUR, self._permits.lease)
            self.look_at = self._local(look) + patience + MARGIN
        return self._lease is not None

    def hear(self, message: bytes) -> bool:
        token, fence, expiry = message.split(b" ")
        if token != self._token:
            return False  # meant for an earlier request, which was answered otherwise
        ends, now = self._local(int(expiry)), time.monotonic()
        if fence == b"0":
            self.look_at = ends + MARGIN
            return False
        if ends < now + min(PROBATION, self._permits.lease) / 2:  # heard late: it may be another's by now
            self.look_at = now
            return False
        self._connection.post(self._permits._renew, self._token)  # "I live": makes the lease whole
        self._lease = self._granted(int(fence), min(ends, now + PROBATION))
        return True

    def _granted(self, fence: int, deadline: float) -> Lease:
        return Lease(self._token, fence, self._permits.lease, deadline, self._permits._renew)

    def _local(self, moment: int) -> float:
        # The reply to a request is later than its sending, so this is never later than the server means.
        return self._asked + (moment - self._clock) * MICROSECOND

    def _withdraw(self) -> None:
        with contextlib.suppress(Exception):  # out of reach, the server finds this waiter gone, or ends its lease
            self._connection.attempt(self._permits._release, self._token)


def check_lease(lease: float) -> float:
    """Return `lease`; raise `InvalidArgumentError` if it is no length of time."""
    if not isinstance(lease, (int, float)) or isinstance(lease, bool) or not 0 < lease < NEVER:
        raise InvalidArgumentError(f"a lease is a number of seconds above 0, not {lease!r}")
    return lease
