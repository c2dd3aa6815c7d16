"""The reporter of a `Heartbeat`: a program that reports that its parent is alive and, in the end, that it has died."""

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

MAX_RETRY_DELAY = 0.5  # seconds until a failed report is retried, at most
REJOIN_INTERVAL = 86400.0  # seconds after which it joins again, which keeps the board's keys from expiring


class Reporter:
    """Reports periodically as long as its parent is alive; how long a report takes does not delay the next one."""

    def __init__(
        self, parent_pipe: int, url: str, name: str, interval: float, token: str, who: str, parent_pid: int
    ) -> None:
        self._parent_pipe = parent_pipe
        self._parent_pid = parent_pid
        self._board = Board.at(url, name, interval=interval)
        self._token = token.encode()
        self._who = who.encode()
        self._connection = Connection(wire_factory(url), RENEWAL_TIMEOUT)
        self._max_retry_delay = min(MAX_RETRY_DELAY, interval / 10)
        self._joined_at = -REJOIN_INTERVAL

    def run(self) -> None:
        """Report until the parent ends, then report its death; give up if the server is unavailable for an interval."""
        for moment in self._report_times():
            if self._parent_ends_by(moment):
                break
            while not self._report() and not self._parent_ends_by(time.monotonic() + self._retry_delay()):
                pass
        deadline = time.monotonic() + self._board.interval
        died = (self._board._leave_script, self._token, self._who, b"1")
        while self._run_once(*died) is None and time.monotonic() < deadline:
            time.sleep(self._retry_delay())

    def _report_times(self) -> Iterator[float]:
        period = self._board.timing.period
        moment = time.monotonic()
        yield moment
        moment += random.uniform(0, period)  # noqa: S311 - spreads the reports of processes that start together
        while True:
            yield moment
            missed = (time.monotonic() - moment) // period
            moment += period * (1 + max(0.0, missed))

    def _parent_ends_by(self, moment: float) -> bool:
        """Wait until `moment`; return True as soon as the parent has ended."""
        left = max(0.0, moment - time.monotonic())
        # A child of the parent may keep the pipe open if it was forked without Python's fork hooks.
        return bool(select.select([self._parent_pipe], [], [], left)[0]) or os.getppid() != self._parent_pid

    def _report(self) -> bool:
        """Report, and join if necessary; return whether the server has answered."""
        if time.monotonic() < self._joined_at + REJOIN_INTERVAL:
            reported = self._run_once(self._board._report_script, self._who)
            if reported != 0:
                return reported is not None
        if self._parent_ends_by(0.0):  # do not create a board again that was deleted when its last process ended
            return True
        self._joined_at = time.monotonic()
        return self._run_once(self._board._join_script, self._token, self._who) is not None

    def _run_once(self, script: BoundScript, *arguments: bytes) -> int | None:
        """Return the script's reply, or None if there is none."""
        try:
            return int(self._connection.execute(script, arguments))
        except (redis.RedisError, OSError):
            return None

    def _retry_delay(self) -> float:
        return self._max_retry_delay * random.uniform(0.5, 1)  # noqa: S311 - spreads the retries of many reporters


def main() -> None:
    """Read the arguments from standard input, and report until it reaches end of file."""
    parent_pipe = open(0, "rb", buffering=0)  # noqa: SIM115 - it stays open until the program ends
    arguments = parent_pipe.readline()
    if arguments:
        Reporter(parent_pipe.fileno(), *json.loads(arguments)).run()
