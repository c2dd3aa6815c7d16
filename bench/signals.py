"""Signals that one process sends and others wait for: a lock's release, an event's set, a published message."""

from __future__ import annotations

import uuid
from typing import Any, Protocol

from bench.implementations import Implementation, RawConnection


class Endpoint(Protocol):
    """One thread's side of a signal."""

    def reset(self) -> None:
        """Make others wait from now on."""

    def send(self) -> None:
        """Send the signal: end the wait of the others."""

    def wait(self) -> None:
        """Wait for the signal."""

    def finish(self) -> None:
        """Clean up after a wait."""


class Signal(Protocol):
    """A signal that several processes share; it is pickled for each of them."""

    name: str

    def connect(self) -> Endpoint:
        """Return the calling thread's side of the signal."""


class LockSignal:
    """A `release` that an `acquire` waits for: of a lock, or of a semaphore with one permit."""

    def __init__(self, implementation: Implementation) -> None:
        self.name = implementation.name
        self._implementation = implementation

    def connect(self) -> Endpoint:
        """Connect the implementation."""
        return _LockEndpoint(self._implementation.connect())


class _LockEndpoint:
    def __init__(self, lock: Any) -> None:
        self.reset = self.wait = lock.acquire
        self.send = self.finish = lock.release


class EventSignal:
    """The `set` of an event."""

    def __init__(self, implementation: Implementation) -> None:
        self.name = implementation.name
        self._implementation = implementation

    def connect(self) -> Endpoint:
        """Connect the implementation."""
        return _EventEndpoint(self._implementation.connect())


class _EventEndpoint:
    def __init__(self, event: Any) -> None:
        self.reset, self.send, self.wait = event.clear, event.set, event.wait

    def finish(self) -> None:
        pass


class RawSignal:
    """The limit: a bare PUBLISH to a bare socket that is already subscribed."""

    name = "raw wake-up"

    def __init__(self, url: str) -> None:
        self._url = url
        self._channel = uuid.uuid4().hex.encode()

    def connect(self) -> Endpoint:
        """Open a socket."""
        return _RawEndpoint(self._url, self._channel)


class _RawEndpoint:
    def __init__(self, url: str, channel: bytes) -> None:
        self._connection = RawConnection(url)
        self._channel = channel
        self._subscribed = False

    def reset(self) -> None:
        pass

    def send(self) -> None:
        self._connection.request(b"PUBLISH %b 1\r\n" % self._channel)

    def wait(self) -> None:
        if not self._subscribed:  # in the warm-up round; the publishing side never waits
            self._connection.request(b"SUBSCRIBE %b\r\n" % self._channel)
            self._subscribed = True
        self._connection.read()

    def finish(self) -> None:
        pass
