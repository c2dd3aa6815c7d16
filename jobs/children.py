"""The jobs that one process has started in one context."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.util import Finalize
from typing import Protocol

import redis

from broker.errors import BrokerError
from jobs.exchange.rq_queue import FAREWELL, RqQueue
from jobs.exchange.status import StatusReader

# When a process ends, multiprocessing runs finalizers from 0 on, ends daemons, joins other children, and runs the rest.
BEFORE_CHILDREN, AFTER_CHILDREN = 0, -10


class Child(Protocol):
    """A job that this process has started."""

    def kill(self) -> None:
        """Send it a SIGKILL, or take it off the queue."""

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the exit code when it has ended, or None after `timeout` seconds."""

    def forget(self) -> None:
        """Delete what RQ has of it."""

    def give_up(self) -> None:
        """Take it for dead, unless it is known how it ended."""


class Children:
    """`news` is where they are heard from, `ledger` what RQ knows of them."""

    def __init__(self, url: str, queue: str) -> None:
        self.process = os.getpid()
        self.rq_queue = RqQueue(url, queue)
        self.status = StatusReader(url)
        self._children: list[Child] = []
        self._interrupt = Finalize(None, self._pass_on_interrupt, exitpriority=BEFORE_CHILDREN)

    def add(self, child: Child) -> None:
        """Take in a job that was started."""
        self._children.append(child)

    def end(self) -> None:
        """End all jobs, and delete what RQ has of them."""
        self._interrupt.cancel()
        with suppress(redis.ConnectionError, redis.TimeoutError, BrokerError):  # then RQ forgets them in time
            self._kill()
            self._forget()
        for child in self._children:
            child.give_up()

    def _kill(self) -> None:
        for child in self._children:
            child.kill()
        deadline = time.monotonic() + FAREWELL
        for child in self._children:
            child.wait(max(0.0, deadline - time.monotonic()))
        self.status.close()

    def _forget(self) -> None:
        for child in self._children:
            child.forget()
        self.rq_queue.close()

    def _pass_on_interrupt(self) -> None:
        # A terminal's Ctrl-C reaches all local children. Jobs are only reached from here, or they would be waited for.
        if getattr(sys, "last_type", None) is KeyboardInterrupt:
            for child in self._children:
                child.signal(signal.SIGINT)
