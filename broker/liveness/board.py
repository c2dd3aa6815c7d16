"""A board: which of the processes that report to it are alive, late or dead."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import redis

from broker.engine.blocking import drive
from broker.engine.handle import INDEX_KEY, Handle, check_name
from broker.engine.operations import Client, Receive, Sleep, Steps
from broker.engine.owner import Owner
from broker.engine.requests import ask, run, subscribe
from broker.engine.waiting import deadline_of
from broker.liveness.snapshot import MICROSECOND, Change, Reading, Snapshot, State, changes
from broker.liveness.timing import Timing
from broker.transport.connection import NEVER
from broker.transport.replies import integer, string
from broker.transport.scripts import PackedKeys, Script

JOIN = Script("liveness/lua/join_board.lua", arguments=2)
REPORT = Script("liveness/lua/report.lua")
LEAVE = Script("liveness/lua/leave_board.lua", arguments=3)
SNAPSHOT = Script("liveness/lua/snapshot.lua")
FORGET = Script("liveness/lua/forget.lua")

DEFAULT_INTERVAL = 60.0  # seconds
MIN_POLL_INTERVAL = 0.5  # seconds between two reads of a watched board, at least
NO_VERSION = b"-"  # no reading has it


class Board(Handle):
    """Shows which processes are alive, late or dead, by the server's clock; each of them reports through a `Heartbeat`.

    A name is dead after `interval` seconds without a report. It is dead at once if its heartbeat notices that the
    process has ended, so only the failure of a whole host takes an interval to detect. Heartbeats report 10 s before
    the interval is over (three times in an interval of up to 15 s); a name is late if half of those 10 s have passed
    without a report. A dead name stays on the board for a day, until it is forgotten, or until a process reports under
    it again.

    No name becomes dead because the server was unavailable, restarted or overloaded: after a gap in which it may have
    been, no name becomes dead for another two seconds (or an interval, if that is shorter) and half a millisecond per
    name. A process that alone cannot reach the server for an interval is dead until its next report.

    The interval should be longer than a busy machine may delay a process. The same name with another interval raises
    `MismatchError`.
    """

    _kind = "board"
    _key_suffixes = ("reports", "dead", "tokens", "ended")
    __slots__ = ("_forget_script", "_join_script", "_leave_script", "_report_script", "_snapshot_script", "timing")

    def __init__(
        self, interval: float = DEFAULT_INTERVAL, *, name: str | None = None, context: Owner | None = None
    ) -> None:
        super().__init__(name, context=context, interval=interval)
        if name is not None:
            self.open()

    def _configure(self, *, interval: float = DEFAULT_INTERVAL) -> None:
        self.timing = timing = Timing(interval)
        fixed, keys = _microseconds(timing.interval, timing.gap), PackedKeys(self._keys)
        self._join_script = JOIN.bind(keys, *fixed, more_keys=INDEX_KEY)
        self._report_script = REPORT.bind(self._keys[1:2], *_microseconds(timing.gap))
        self._leave_script = LEAVE.bind(keys, *fixed, more_keys=INDEX_KEY)
        self._forget_script = FORGET.bind(keys, *fixed, more_keys=INDEX_KEY)
        times = _microseconds(timing.late, timing.grace)
        self._snapshot_script = SNAPSHOT.bind(keys, *fixed, *times, more_keys=INDEX_KEY)

    @property
    def interval(self) -> float:
        """The seconds without a report after which a name is dead."""
        return self.timing.interval

    def open(self) -> None:
        """Create it on the server unless it exists; raise `MismatchError` if it exists with another interval."""
        self._run(self._snapshot_script, NO_VERSION)

    def snapshot(self) -> Snapshot:
        """Return which names are alive, late and dead.

        This is one request. But if the server may have been unavailable, and it is uncertain whether some name is dead,
        the board is read again until that is certain, usually for two seconds.
        """
        return self._drive(self._read_until_certain)

    def _read_until_certain(self, client: Client) -> Steps[Snapshot]:
        reading = yield from self._read(client)
        while reading.uncertain_for > 0:
            yield Sleep(client.now() + min(reading.uncertain_for, self.timing.poll_interval))
            reading = yield from self._read(client)
        return reading.snapshot

    def watch(self, timeout: float | None = None) -> Iterator[Change]:
        """Yield the state of each name on the board, then each change, for `timeout` seconds or without end.

        The board is read when a name joins, leaves or dies, when the next name would become late or dead, and at least
        every four seconds, so that no gap makes the result uncertain; but at most every half second, unless the
        interval is below 2 s. Raises `ServerUnavailableError` if the server cannot be reached.
        """
        deadline = deadline_of(True, timeout)
        session = self._get_session()
        connection = session.acquire_connection()
        known: Mapping[str, State] = {}
        version = NO_VERSION
        try:
            while True:
                reading, read_at = drive(self._subscribe_and_read(connection, version, deadline), connection)
                states = reading.states(known if reading.version == version else ())
                yield from changes(known, states)
                known, version = states, reading.version
                drive(self._wait_for_change(read_at, min(deadline, read_at + reading.valid_for)), connection)
                if time.monotonic() >= deadline:
                    return
        except redis.ResponseError as error:
            raise self._translate_error(error) from error
        finally:
            connection.unsubscribe(self._key)
            session.release_connection(connection)

    def forget(self, who: str) -> None:
        """Remove a name from the board if it is dead."""
        self._run(self._forget_script, check_name(who).encode())

    def _leave(self, token: str, who: str) -> None:
        arguments = (token.encode(), who.encode(), b"0")
        self._drive(lambda client: run(client, self._leave_script, *arguments, deadline=0.0))

    def _read(self, client: Client, version: bytes = NO_VERSION, deadline: float = NEVER) -> Steps[Reading]:
        return ask(client, self._parse, self._snapshot_script, version, deadline=deadline)

    def _parse(self, reply: Any) -> Reading:
        now, certain_from, version, reports, dead = reply
        return Reading(self.timing, integer(now), integer(certain_from), string(version), reports, dead)

    def _subscribe_and_read(self, client: Client, version: bytes, deadline: float) -> Steps[tuple[Reading, float]]:
        yield from subscribe(client, self._key, deadline)
        reading = yield from self._read(client, version, deadline)
        return reading, client.now()

    def _wait_for_change(self, read_at: float, deadline: float) -> Steps[None]:
        earliest = read_at + min(MIN_POLL_INTERVAL, self.timing.poll_interval)
        try:
            while (yield Receive(self._key, deadline)) is not None:
                deadline = min(deadline, earliest)
        except redis.ConnectionError:  # messages may have been missed
            yield Sleep(min(deadline, earliest))


def _microseconds(*seconds: float) -> tuple[int, ...]:
    return tuple(round(value / MICROSECOND) for value in seconds)
