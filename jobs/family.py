"""The jobs that one process has started in one context."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING

import redis

from broker.errors import BrokerError
from jobs.ledger import FAREWELL, Ledger
from jobs.news import News

if TYPE_CHECKING:
    from jobs.context import Context
    from jobs.popen import Popen

# When a process ends, multiprocessing runs finalizers from 0 on, ends daemons, joins other children, and runs the rest.
BEFORE_CHILDREN, AFTER_CHILDREN = 0, -10


class Family:
    """`news` is where they are heard from, `ledger` what RQ knows of them."""

    def __init__(self, context: Context) -> None:
        self.process = os.getpid()
        self.ledger = Ledger(context.url, context.queue)
        self.news = News(context.url)
        context.adopt(self.news.channel)
        self._members: list[Popen] = []
        self._interrupt = Finalize(None, self._pass_on_interrupt, exitpriority=BEFORE_CHILDREN)

    def add(self, member: Popen) -> None:
        """Take in a job that was started."""
        self._members.append(member)

    def end(self) -> None:
        """End all jobs, and delete what RQ has of them."""
        self._interrupt.cancel()
        with suppress(redis.ConnectionError, redis.TimeoutError, BrokerError):  # then RQ forgets them in time
            self._kill()
            self._forget()
        for member in self._members:
            member.give_up()

    def _kill(self) -> None:
        for member in self._members:
            member.kill()
        deadline = time.monotonic() + FAREWELL
        for member in self._members:
            member.wait(max(0.0, deadline - time.monotonic()))
        self.news.close()

    def _forget(self) -> None:
        for member in self._members:
            member.forget()
        self.ledger.close()

    def _pass_on_interrupt(self) -> None:
        # A terminal's Ctrl-C reaches all local children. Jobs are only reached from here, or they would be waited for.
        if getattr(sys, "last_type", None) is KeyboardInterrupt:
            for member in self._members:
                member.signal(signal.SIGINT)
