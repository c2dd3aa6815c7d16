"""A model of locks and semaphores in plain Python: free permits, a queue, and leases that expire."""

from __future__ import annotations

from dataclasses import dataclass, field

SECOND = 1_000_000


@dataclass
class Hold:
    fence: int
    expires: int
    lease: int  # how long it had left when it was granted or renewed


@dataclass
class PermitsModel:
    """A first-in first-out semaphore; each method models one script and returns what the script should return."""

    start: int
    now: int
    subscribed: set[bytes] = field(default_factory=set)
    held: dict[bytes, Hold] = field(default_factory=dict)
    queue: list[bytes] = field(default_factory=list)
    joined: dict[bytes, int] = field(default_factory=dict)
    notified: list[tuple[bytes, int]] = field(default_factory=list)
    expired: set[bytes] = field(default_factory=set)
    joins: int = 0
    added: int = 0
    fence: int = 0

    @property
    def free(self) -> int:
        return self.start + self.added - len(self.held)

    @property
    def all_waiters_live(self) -> bool:
        return all(map(self._is_subscribed, self.queue))

    def drop_dead_waiters(self, queue: list[bytes]) -> None:
        """Remove those that a script has found dead when it notified the head of the queue."""
        self.queue = [token for token in self.queue if token in queue or self._is_subscribed(token)]

    def acquire(self, token: bytes, wait: bool, lease: int) -> int:
        """Return the fence, or 0."""
        if token in self.held and self.held[token].expires > self.now:
            self._extend_lease(token, lease)
            return self.held[token].fence
        self._expire_leases()
        self.expired.discard(token)
        if wait and token not in self.queue:
            self.queue.append(token)
            self.joined[token] = self.now
            self.joins += 1
        self._grant_to_waiters(token, lease)
        if not wait and token not in self.held:
            if self.free > 0:
                self._grant(token, lease)
            elif token in self.queue:
                self.queue.remove(token)
        return self.held[token].fence if token in self.held else 0

    def release(self, token: bytes, lease: int) -> int:
        if token in self.held:
            del self.held[token]
            if self.queue:
                self._expire_leases()
                self._grant_to_waiters(None, lease)
            return 1
        if token in self.queue:
            self.queue.remove(token)
            return 1
        return -1 if token in self.expired else 0

    def withdraw(self, token: bytes, lease: int) -> int:
        if token in self.held:
            self._expire_leases(but=token)
        return self.release(token, lease)

    def renew(self, token: bytes, lease: int) -> int:
        if token not in self.held or self.held[token].expires <= self.now:
            return 0
        self._extend_lease(token, lease)
        return 1

    def add(self, lease: int) -> None:
        self.added += 1
        self._expire_leases()
        self._grant_to_waiters(None, lease)

    def value(self, lease: int) -> int:
        self._expire_leases()
        self._grant_to_waiters(None, lease)
        return self.free

    def lose_data(self) -> None:
        """Lose all data, as a server that is restarted without them does."""
        self.held.clear()
        self.queue.clear()
        self.expired.clear()
        self.added = self.fence = 0

    def _expire_leases(self, but: bytes | None = None) -> None:
        expired = [token for token, hold in self.held.items() if hold.expires <= self.now and token != but]
        for token in expired:
            del self.held[token]
            self.expired.add(token)

    def _grant_to_waiters(self, requester: bytes | None, lease: int) -> None:
        while self.free > 0 and self.queue:
            head = self.queue.pop(0)
            if head == requester:
                self._grant(head, lease)
            elif self._is_subscribed(head):
                self._grant(head, min(lease, SECOND))
                self.notified.append((head, self.fence))

    def _extend_lease(self, token: bytes, lease: int) -> None:
        hold = self.held[token]
        hold.expires = max(self.capped_expiry(hold), self.now + lease)
        hold.lease = hold.expires - self.now

    def capped_expiry(self, hold: Hold) -> int:
        """Return when a lease expires that cannot have more left than it once had, although the clock was set back."""
        return min(hold.expires, self.now + hold.lease)

    def _grant(self, token: bytes, lease: int) -> None:
        self.fence = max(self.fence + 1, self.now)
        self.held[token] = Hold(self.fence, self.now + lease, lease)

    def _is_subscribed(self, token: bytes) -> bool:
        return token.rpartition(b":")[0] in self.subscribed
