"""What one process opens and others wait at: a lock's release, an event's set, a published message."""

from __future__ import annotations

import uuid
from typing import Any, Protocol

from bench.contestants import Contestant, RawConnection


class Passage(Protocol):
    """One thread's side of a gate."""

    def shut(self) -> None:
        """Make it so that others will have to wait."""

    def open(self) -> None:
        """End their waiting."""

    def wait(self) -> None:
        """Wait until it is open."""

    def leave(self) -> None:
        """Clean up after a wait."""


class Gate(Protocol):
    """A gate that several processes share; it is sent to each of them."""

    name: str

    def connect(self) -> Passage:
        """Return the calling thread's side of it."""


class LockGate:
    """Waits with `acquire` for a `release`: a lock, or a semaphore of one permit."""

    def __init__(self, contestant: Contestant) -> None:
        self.name = contestant.name
        self._contestant = contestant

    def connect(self) -> Passage:
        """Connect the contestant."""
        return _LockPassage(self._contestant.connect())


class _LockPassage:
    def __init__(self, lock: Any) -> None:
        self.shut = self.wait = lock.acquire
        self.open = self.leave = lock.release


class EventGate:
    """Waits for an event to be set."""

    def __init__(self, contestant: Contestant) -> None:
        self.name = contestant.name
        self._contestant = contestant

    def connect(self) -> Passage:
        """Connect the contestant."""
        return _EventPassage(self._contestant.connect())


class _EventPassage:
    def __init__(self, event: Any) -> None:
        self.shut, self.open, self.wait = event.clear, event.set, event.wait

    def leave(self) -> None:
        pass


class RawGate:
    """The limit: a bare PUBLISH, and a bare socket that is subscribed already."""

    name = "raw wake-up"

    def __init__(self, url: str) -> None:
        self._url = url
        self._channel = uuid.uuid4().hex.encode()

    def connect(self) -> Passage:
        """Open a socket."""
        return _RawPassage(self._url, self._channel)


class _RawPassage:
    def __init__(self, url: str, channel: bytes) -> None:
        self._connection = RawConnection(url)
        self._channel = channel
        self._subscribed = False

    def shut(self) -> None:
        pass

    def open(self) -> None:
        self._connection.ask(b"PUBLISH %b 1\r\n" % self._channel)

    def wait(self) -> None:
        if not self._subscribed:  # in the round that warms up; the publishing side never comes here
            self._connection.ask(b"SUBSCRIBE %b\r\n" % self._channel)
            self._subscribed = True
        self._connection.read()

    def leave(self) -> None:
        pass
