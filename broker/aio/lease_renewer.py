"""Renews the leases of an event loop's tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol, TypeVar

from broker.engine.lease import RETRY_DELAY, Lease, Withdrawal, renew
from broker.engine.operations import Clock, Steps

T = TypeVar("T")


class Background(Protocol):
    """Runs what nobody waits for; the session does."""

    def run_renewal(self, steps: Callable[[Clock], Steps[T]]) -> Coroutine[Any, Any, T]:
        """Drive the steps that are made for a client, and return what they return."""

    def spawn(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine as a task of its own."""


class LeaseRenewer:
    """Renews each lease after a third of its duration, by a timer and a short task.

    A lock that is acquired and released in a loop costs a timer which never fires. No task waits for the next renewal,
    so none can be cancelled with the other tasks of the loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, background: Background) -> None:
        self._loop = loop
        self._background = background
        self._timers: dict[bytes, asyncio.TimerHandle] = {}

    def add(self, lease: Lease) -> None:
        """Renew `lease` until it is removed or lost."""
        delay = max(0.0, lease.renew_at - time.monotonic())
        self._timers[lease.token] = self._loop.call_later(delay, self._start_renewal, lease)

    def remove(self, lease: Lease) -> None:
        """Stop renewing `lease`."""
        timer = self._timers.pop(lease.token, None)
        if timer is not None:
            timer.cancel()

    def withdraw(self, withdrawal: Withdrawal) -> None:
        """Send `withdrawal` in the background; if the loop has ended, the lease expires instead."""
        if not self._loop.is_closed():
            self._background.spawn(self._send(withdrawal))

    def stop(self) -> None:
        """Stop renewing all leases."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _start_renewal(self, lease: Lease) -> None:
        self._background.spawn(self._renew(lease))

    async def _renew(self, lease: Lease) -> None:
        try:
            await self._background.run_renewal(partial(renew, lease=lease))
        except asyncio.CancelledError:  # as when all tasks of the loop are cancelled
            lease.renew_at = time.monotonic() + RETRY_DELAY
            raise
        finally:
            if lease.token in self._timers and lease.needs_renewal:
                self.add(lease)

    async def _send(self, withdrawal: Withdrawal) -> None:
        while not await self._background.run_renewal(withdrawal.send):
            await asyncio.sleep(max(0.0, withdrawal.due - time.monotonic()))
