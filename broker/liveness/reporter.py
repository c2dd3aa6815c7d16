"""The program behind `Heartbeat`: reports that its parent is alive, and at last that it has died."""

from __future__ import annotations

import json
import os
import random
import select
import time
from collections.abc import Iterator

import redis

from broker.engine.session import RENEWAL_TIMEOUT
from broker.liveness.board import Board
from broker.transport.connection import Connection
from broker.transport.scripts import BoundScript
from broker.transport.wire import wire_factory

RETRY = 0.5  # seconds until a failed report is sent again, at most
REJOIN = 86400.0  # seconds after which a report also keeps the board from expiring


class Reporter:
    """Reports at moments that do not depend on how long a report takes, for as long as its parent lives."""

    def __init__(self, lifeline: int, url: str, name: str, interval: float, token: str, who: str, parent: int) -> None:
        self._lifeline = lifeline
        self._parent = parent
        self._board = Board.at(url, name, interval=interval)
        self._token = token.encode()
        self._who = who.encode()
        self._connection = Connection(lambda: wire_factory(url)(RENEWAL_TIMEOUT))
        self._retry = min(RETRY, interval / 10)
        self._joined = -REJOIN

    def run(self) -> None:
        """Report until the parent has ended, and then that; give up if the server is out of reach for an interval."""
        for moment in self._moments():
            if self._orphaned(moment):
                break
            while not self._report() and not self._orphaned(time.monotonic() + self._pause()):
                pass
        deadline = time.monotonic() + self._board.interval
        while self._ask(self._board._farewell, self._token, self._who, b"1") is None and time.monotonic() < deadline:
            time.sleep(self._pause())

    def _moments(self) -> Iterator[float]:
        period = self._board.rhythm.period
        moment = time.monotonic()
        yield moment
        moment += random.uniform(0, period)  # noqa: S311 - those that start together do not report together
        while True:
            yield moment
            missed = (time.monotonic() - moment) // period
            moment += period * (1 + max(0.0, missed))

    def _orphaned(self, until: float) -> bool:
        """Wait until that moment; return True as soon as the parent has ended."""
        left = max(0.0, until - time.monotonic())
        # A child that the parent forked without Python's knowing may hold the line, too.
        return bool(select.select([self._lifeline], [], [], left)[0]) or os.getppid() != self._parent

    def _report(self) -> bool:
        """Return whether the server has taken note."""
        if time.monotonic() < self._joined + REJOIN and (heard := self._ask(self._board._report, self._who)) != 0:
            return heard is not None
        if self._orphaned(0.0):  # the board may have been deleted with its last process
            return True
        self._joined = time.monotonic()
        return self._ask(self._board._join, self._token, self._who) is not None

    def _ask(self, command: BoundScript, *arguments: bytes) -> int | None:
        """Return the server's answer, or None if there was none."""
        try:
            return int(self._connection.run_once(command, *arguments))
        except (redis.RedisError, OSError):
            return None

    def _pause(self) -> float:
        return self._retry * random.uniform(0.5, 1)  # noqa: S311 - a server that is back is not stormed


def main() -> None:
    """Read from standard input who reports what, and do it until standard input ends."""
    lifeline = open(0, "rb", buffering=0)  # noqa: SIM115 - it is open until the end
    told = lifeline.readline()
    if told:
        Reporter(lifeline.fileno(), *json.loads(told)).run()
