"""Leases: what a process holds, it holds for a limited time on the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from broker.engine.operations import Clock, Execute, Steps
from broker.transport.scripts import BoundScript

RETRY_DELAY = 0.1  # seconds until a failed renewal is retried


class Keeping(Protocol):
    """The registration of a lease with a program that renews it, too."""

    @property
    def deadline(self) -> float:
        """Until when the lease is certain, as far as that program knows; negative if it is lost."""

    def end(self, lease: Lease) -> None:
        """Have the lease renewed by it no longer."""


NOT_SENT, SENT, CONFIRMED = range(3)  # the release of a lease


class Lease:
    """A permit that this process holds, and until when this is certain.

    `deadline` is on this process's monotonic clock and never later than the expiry on the server: it is counted from
    just before the request that granted or renewed the lease was sent. `owner` is the thread or task that got it.

    Once its release has been sent, it is not renewed any more, and it no longer counts as held. It is kept until the
    server has confirmed the release, so that a release that fails or is interrupted can be repeated. `depth` is how
    often its owner has acquired a reentrant lock, less how often it has released it.

    `keeping` is set while a program beside this process renews it, too.

    `brief_until` is until when the hold counts as brief, if that is to be remembered for the next one, else 0.
    """

    __slots__ = (
        "brief_until",
        "deadline",
        "depth",
        "duration",
        "fence",
        "keeping",
        "lost",
        "owner",
        "release",
        "renew_at",
        "renew_script",
        "sent_again",
        "token",
    )

    def __init__(
        self,
        token: bytes,
        fence: int,
        duration: float,
        since: float,
        deadline: float,
        renew_script: BoundScript,
        owner: int = 0,
        sent_again: bool = False,
    ) -> None:
        self.token = token
        self.fence = fence
        self.duration = duration
        self.deadline = deadline
        self.renew_at = since + (deadline - since) / 3
        self.brief_until = 0.0
        self.renew_script = renew_script
        self.keeping: Keeping | None = None
        self.owner = owner
        self.lost = False
        self.release = NOT_SENT
        self.depth = 1
        self.sent_again = sent_again  # then another copy of the request may still be under way when it is released

    @property
    def has_expired(self) -> bool:
        """Whether another process may hold this permit; once that is so, the lease is lost for good."""
        now = time.monotonic()
        if now >= self.deadline and (keeping := self.keeping) is not None:
            self.deadline = max(self.deadline, keeping.deadline)
        if now >= self.deadline:
            self.lost = True
        return self.lost

    @property
    def needs_renewal(self) -> bool:
        """Whether it is held, and its release has not been sent."""
        return self.release == NOT_SENT and not self.lost

    @property
    def is_valid(self) -> bool:
        """Whether it is certain that no other process holds this permit, and its release has not been sent."""
        return self.release == NOT_SENT and not self.has_expired

    def is_kept(self, now: float) -> bool:
        """Return whether its keeper has renewed it in time, or knows that it is lost; take over what that knows."""
        keeping = self.keeping  # another thread may end it at any point
        if keeping is None:
            return False
        deadline = keeping.deadline
        if deadline < 0 and self.release == NOT_SENT:
            self.lost = True
        if deadline - self.duration / 2 <= now:
            return self.lost
        self.deadline, self.renew_at = deadline, deadline - self.duration / 2
        return True


def renew(clock: Clock, lease: Lease) -> Steps[None]:
    """Renew a lease, unless it has expired; if the server does not answer, it is due again soon."""
    if not lease.is_valid:
        return
    sent_at = clock.now()
    try:
        held = yield Execute(lease.renew_script, (lease.token,), lease.deadline)
    except Exception:  # also of a reply that makes no sense: other leases must not suffer from it
        held = None
    if held == 1:
        lease.deadline = sent_at + lease.duration
        lease.renew_at = sent_at + lease.duration / 3
    elif held == 0 and lease.release == NOT_SENT:  # else that is why
        lease.lost = True
    else:
        lease.renew_at = clock.now() + RETRY_DELAY


class Withdrawal:
    """A request that releases what nobody uses any more, and is repeated until the server has answered.

    Until `deadline` at most: then the lease on the server has expired.
    """

    def __init__(
        self, script: BoundScript, arguments: tuple[bytes, ...], deadline: float, lease: Lease | None = None
    ) -> None:
        self.script = script
        self.arguments = arguments
        self.deadline = deadline
        self.due = 0.0
        self._lease = lease

    def send(self, clock: Clock) -> Steps[bool]:
        """Send it; return whether that was the last time."""
        try:
            yield Execute(self.script, self.arguments)
        except Exception:
            self.due = clock.now() + RETRY_DELAY
            return self.due >= self.deadline
        if self._lease is not None:
            self._lease.release = CONFIRMED
        return True


class Renewer(Protocol):
    """Renews leases and sends withdrawals in the background."""

    def add(self, lease: Lease) -> None:
        """Renew `lease` until it is removed or lost; raise `BrokerError` if that is not possible."""

    def remove(self, lease: Lease) -> None:
        """Stop renewing `lease`."""

    def withdraw(self, withdrawal: Withdrawal) -> None:
        """Send `withdrawal`."""


class Holdings:
    """The leases of one process at one server, by the keys of what it holds."""

    def __init__(self, renewer: Renewer, owner: Callable[[], int]) -> None:
        self.renewer = renewer
        self.owner = owner  # of what is acquired now
        self.fences: dict[bytes, int] = {}  # under each key, the highest that this process has got
        self.held_briefly: dict[bytes, bool] = {}  # under each key, whether the last hold after a wait was brief
        self._leases: dict[bytes, list[Lease]] = {}
        self._releasing: dict[bytes, int] = {}

    def leases(self, key: bytes) -> list[Lease]:
        """Return the leases under `key`, oldest first: the list itself, not a copy."""
        return self._leases.setdefault(key, [])

    def hold(self, key: bytes, lease: Lease) -> None:
        """Keep a lease, and renew it until it is dropped."""
        leases = self._leases.setdefault(key, [])
        while leases and leases[0].release == CONFIRMED:
            del leases[0]
        leases.append(lease)
        self.renewer.add(lease)

    def drop(self, key: bytes, lease: Lease) -> None:
        """Forget a lease."""
        self.renewer.remove(lease)
        self._releasing.pop(lease.token, None)
        leases = self._leases.get(key, [])
        if lease in leases:
            leases.remove(lease)

    def drop_all(self, key: bytes) -> None:
        """Forget the leases and the fences under `key`."""
        self.fences.pop(key, None)
        self.held_briefly.pop(key, None)
        for lease in self._leases.pop(key, ()):
            self.renewer.remove(lease)

    def claim_release(self, lease: Lease) -> bool:
        """Return whether the caller is to release a lease, rather than another thread that has begun to."""
        owner = self.owner()
        return self._releasing.setdefault(lease.token, owner) == owner

    def complete_release(self, lease: Lease, script: BoundScript) -> None:
        """Complete a release that has failed or was interrupted in the background; it can also be repeated."""
        self.renewer.remove(lease)
        self._releasing.pop(lease.token, None)
        self.renewer.withdraw(Withdrawal(script, (lease.token,), lease.deadline, lease))
