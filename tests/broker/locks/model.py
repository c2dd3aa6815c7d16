"""What a semaphore is, in plain Python: free permits, a queue, and leases that end."""

from __future__ import annotations

from dataclasses import dataclass, field

SECOND = 1_000_000


@dataclass
class Hold:
    fence: int
    ends: int


@dataclass
class Model:
    """A first-in first-out semaphore; each method is one script, and returns what that script should."""

    start: int
    now: int
    listening: set[bytes] = field(default_factory=set)
    held: dict[bytes, Hold] = field(default_factory=dict)
    queue: list[bytes] = field(default_factory=list)
    told: list[tuple[bytes, int]] = field(default_factory=list)
    ended: set[bytes] = field(default_factory=set)
    added: int = 0
    fence: int = 0

    @property
    def free(self) -> int:
        return self.start + self.added - len(self.held)

    def acquire(self, token: bytes, wait: bool, lease: int) -> int:
        """Return the fence, or 0."""
        if token in self.held:
            self._extend(token, lease)
            return self.held[token].fence
        self._reap()
        if wait and token not in self.queue:
            self.queue.append(token)
        self._serve(token, lease)
        if not wait and token not in self.held:
            if self.free > 0:
                self._grant(token, lease)
            elif token in self.queue:
                self._leave(token)
        return self.held[token].fence if token in self.held else 0

    def release(self, token: bytes, lease: int) -> int:
        if token in self.held:
            del self.held[token]
            if self.queue:
                self._reap()
                self._serve(None, lease)
            return 1
        if token in self.queue:
            self._leave(token)
            return 1
        return -1 if token in self.ended else 0

    def renew(self, token: bytes, lease: int) -> int:
        if token not in self.held:
            return 0
        self._extend(token, lease)
        return 1

    def add(self, lease: int) -> None:
        self.added += 1
        self._reap()
        self._serve(None, lease)

    def value(self, lease: int) -> int:
        self._reap()
        self._serve(None, lease)
        return self.free

    def forget(self) -> None:
        """Lose all data, as a server that was restarted without them."""
        self.held.clear()
        self.queue.clear()
        self.ended.clear()
        self.added = self.fence = 0

    def _reap(self) -> None:
        for token in [token for token, hold in self.held.items() if hold.ends <= self.now]:
            del self.held[token]
            self.ended.add(token)

    def _serve(self, asker: bytes | None, lease: int) -> None:
        moved = False
        while self.free > 0 and self.queue:
            head, moved = self.queue.pop(0), True
            if head == asker:
                self._grant(head, lease)
            elif self._reachable(head):
                self._grant(head, min(lease, SECOND))
                self.told.append((head, self.fence))
        if moved:
            self._drop_dead_heads()

    def _leave(self, token: bytes) -> None:
        was_head = self.queue[0] == token
        self.queue.remove(token)
        if was_head:
            self._drop_dead_heads()

    def _drop_dead_heads(self) -> None:
        while self.queue and not self._reachable(self.queue[0]):
            self.queue.pop(0)

    def _extend(self, token: bytes, lease: int) -> None:
        hold = self.held[token]
        hold.ends = max(hold.ends, self.now + lease)

    def _grant(self, token: bytes, lease: int) -> None:
        self.fence = max(self.fence + 1, self.now)
        self.held[token] = Hold(self.fence, self.now + lease)

    def _reachable(self, token: bytes) -> bool:
        return token.rpartition(b":")[0] in self.listening
