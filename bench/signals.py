"""Signals that one process sends and others wait for: a lock's release, an event's set, a published message."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from bench.asyncio_lock import AsyncioLock
from bench.implementations import Implementation, RawConnection


class Endpoint(Protocol):
    """One thread's side of a signal. Moments are nanoseconds of the machine's monotonic clock."""

    def reset(self) -> object:
        """Make others wait from now on."""

    def send(self) -> int:
        """Send the signal: end the wait of the others. Return the moment before."""

    def wait(self) -> int:
        """Wait for the signal. Return the moment after."""

    def finish(self) -> object:
        """Clean up after a wait."""


class Signal(Protocol):
    """A signal that several processes share; it is pickled for each of them."""

    name: str

    def connect(self) -> Endpoint:
        """Return the calling thread's side of the signal."""


class BlockingEndpoint:
    """An endpoint made of calls that block the thread."""

    def __init__(
        self,
        send: Callable[[], object],
        wait: Callable[[], object],
        reset: Callable[[], object] = lambda: None,
        finish: Callable[[], object] = lambda: None,
    ) -> None:
        self._send = send
        self._wait = wait
        self.reset = reset
        self.finish = finish

    def send(self) -> int:
        """Send the signal; return the moment before."""
        began = time.monotonic_ns()
        self._send()
        return began

    def wait(self) -> int:
        """Wait for the signal; return the moment after."""
        self._wait()
        return time.monotonic_ns()


class AsyncioLockEndpoint:
    """The endpoint of an asyncio lock, which takes both moments inside its loop."""

    def __init__(self, lock: AsyncioLock) -> None:
        self.reset = self.wait = lock.acquire
        self.send = self.finish = lock.release


class LockSignal:
    """A `release` that an `acquire` waits for: of a lock, or of a semaphore with one permit."""

    def __init__(self, implementation: Implementation) -> None:
        self.name = implementation.name
        self._implementation = implementation

    def connect(self) -> Endpoint:
        """Connect the implementation."""
        lock = self._implementation.connect()
        if isinstance(lock, AsyncioLock):
            return AsyncioLockEndpoint(lock)
        return BlockingEndpoint(lock.release, lock.acquire, reset=lock.acquire, finish=lock.release)


class BarrierSignal:
    """The arrival of the last party of a barrier."""

    def __init__(self, implementation: Implementation) -> None:
        self.name = implementation.name
        self._implementation = implementation

    def connect(self) -> Endpoint:
        """Connect the implementation."""
        barrier = self._implementation.connect()
        return BlockingEndpoint(barrier.wait, barrier.wait)


class ConditionSignal:
    """The `notify` of a condition, and the release of its lock, which the waiter then gets."""

    def __init__(self, implementation: Implementation) -> None:
        self.name = implementation.name
        self._implementation = implementation

    def connect(self) -> Endpoint:
        """Connect the implementation."""
        return _ConditionEndpoint(self._implementation.connect())


class _ConditionEndpoint:
    """Takes the moments before `notify` and after `wait`; the lock is acquired before."""

    def __init__(self, condition: Any) -> None:
        self._condition = condition

    def reset(self) -> None:
        pass

    def send(self) -> int:
        with self._condition:
            began = time.monotonic_ns()
            self._condition.notify()
        return began

    def wait(self) -> int:
        self._condition.acquire()
        self._condition.wait()
        return time.monotonic_ns()

    def finish(self) -> None:
        self._condition.release()


class EventSignal:
    """The `set` of an event."""

    def __init__(self, implementation: Implementation) -> None:
        self.name = implementation.name
        self._implementation = implementation

    def connect(self) -> Endpoint:
        """Connect the implementation."""
        event = self._implementation.connect()
        return BlockingEndpoint(event.set, event.wait, reset=event.clear)


class RawSignal:
    """The limit: a bare PUBLISH to a bare socket that is already subscribed."""

    name = "raw wake-up"

    def __init__(self, url: str) -> None:
        self._url = url
        self._channel = uuid.uuid4().hex.encode()

    def connect(self) -> Endpoint:
        """Open a socket."""
        side = _RawSide(self._url, self._channel)
        return BlockingEndpoint(side.publish, side.receive)


class _RawSide:
    def __init__(self, url: str, channel: bytes) -> None:
        self._connection = RawConnection(url)
        self._channel = channel
        self._subscribed = False

    def publish(self) -> None:
        self._connection.request(b"PUBLISH %b 1\r\n" % self._channel)

    def receive(self) -> None:
        if not self._subscribed:  # in the warm-up round; the publishing side never waits
            self._connection.request(b"SUBSCRIBE %b\r\n" % self._channel)
            self._subscribed = True
        self._connection.read()
