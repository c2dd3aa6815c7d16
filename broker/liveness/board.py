"""A board: which of the processes that report to it are alive, late or dead."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import redis

from broker.engine.handle import Handle, check_name
from broker.engine.owner import Owner
from broker.liveness.snapshot import MICROSECOND, Change, Roll, Sight, State, changes
from broker.liveness.timing import Rhythm
from broker.transport.connection import NEVER, Connection
from broker.transport.scripts import Script

JOIN = Script("liveness/lua/join_board.lua", arguments=2)
REPORT = Script("liveness/lua/report.lua")
LEAVE = Script("liveness/lua/leave_board.lua", arguments=3)
SNAPSHOT = Script("liveness/lua/snapshot.lua")
FORGET = Script("liveness/lua/forget.lua")

INTERVAL = 60.0  # seconds, unless told otherwise
PAUSE = 0.5  # seconds between looks, at least
UNKNOWN = b"-"  # a moment at which nothing was known


class Board(Handle):
    """Says which processes are alive, by the server's clock; each of them has a `Heartbeat`.

    A name without a report for `interval` seconds is dead. It is dead at once if its heartbeat has seen the process
    end, so that only the end of a whole host takes an interval. A heartbeat reports 10 s before its interval is over
    (three times an interval of up to 15 s), and with half of those 10 s gone its name is late. A dead name stays
    for a day, until it is forgotten, or until a process reports under it again.

    Nobody is called dead because the server was away, was restarted or did not get round to it: where a look finds
    that it may have been, nobody new is dead for two seconds more (an interval, if that is shorter; and half a
    millisecond for each name). A process that alone cannot reach the server for so long is dead as far as anybody can
    know, and alive with its next report.

    An interval is longer than a busy machine may hold a process up. The same name with another one raises
    `MismatchError`.
    """

    _kind = "board"
    _parts = ("reports", "dead", "tokens", "ended")

    def __init__(self, interval: float = INTERVAL, *, name: str | None = None, context: Owner | None = None) -> None:
        super().__init__(name, context=context, interval=interval)
        if name is not None:
            self.open()

    def _configure(self, *, interval: float = INTERVAL) -> None:
        self.rhythm = rhythm = Rhythm(interval)
        fixed = _microseconds(rhythm.interval, rhythm.gap)
        self._join = JOIN.bind(self._keys, *fixed)
        self._report = REPORT.bind(self._keys[1:2], *_microseconds(rhythm.gap))
        self._farewell = LEAVE.bind(self._keys, *fixed)
        self._forget = FORGET.bind(self._keys, *fixed)
        self._roll = SNAPSHOT.bind(self._keys, *fixed, *_microseconds(rhythm.late, rhythm.grace))

    @property
    def interval(self) -> float:
        """The seconds of silence after which a name is dead."""
        return self.rhythm.interval

    def open(self) -> None:
        """Raise `MismatchError` if the name is in use with another interval."""
        self._run(self._roll, UNKNOWN)

    def look(self) -> Roll:
        """Return who is alive, late and dead.

        That is one request, unless it leaves open whether somebody is dead or the server was away: then it is asked
        again until that is known, two seconds as a rule.
        """
        here = self._here()
        connection = here.borrow()
        try:
            sight = self._see(connection)
            while sight.doubt > 0:
                time.sleep(min(sight.doubt, self.rhythm.glance))
                sight = self._see(connection)
            return sight.roll
        finally:
            here.give_back(connection)

    def watch(self, timeout: float | None = None) -> Iterator[Change]:
        """Yield the state of each who is on the board, and then every change, for `timeout` seconds or without end.

        It looks when somebody has come, left or died, when the next one would be late or dead, and every four seconds,
        lest it be in doubt then; but half a second lies between two looks, unless the interval is below 2 s. Raises
        `ServerUnavailableError` if the server cannot be reached.
        """
        deadline = NEVER if timeout is None else time.monotonic() + timeout
        here = self._here()
        connection = here.borrow()
        known: Mapping[str, State] = {}
        as_of = UNKNOWN
        try:
            while True:
                connection.subscribe(self._key, deadline)
                sight = self._see(connection, as_of, deadline)
                looked = time.monotonic()
                states = sight.states(known if sight.as_of == as_of else ())
                yield from changes(known, states)
                known, as_of = states, sight.as_of
                self._rest(connection, looked, min(deadline, looked + sight.holds))
                if time.monotonic() >= deadline:
                    return
        finally:
            connection.unsubscribe(self._key)
            here.give_back(connection)

    def forget(self, who: str) -> None:
        """Take a name off the board if it is dead."""
        self._run(self._forget, check_name(who).encode())

    def _leave(self, token: str, who: str) -> None:
        here = self._here()
        connection = here.borrow()
        try:
            self._ask(connection, self._farewell, token.encode(), who.encode(), b"0", until=0.0)
        finally:
            here.give_back(connection)

    def _see(self, connection: Connection, known: bytes = UNKNOWN, until: float = NEVER) -> Sight:
        return Sight(self.rhythm, *self._ask(connection, self._roll, known, until=until)[0])

    def _rest(self, connection: Connection, looked: float, until: float) -> None:
        soonest = looked + min(PAUSE, self.rhythm.glance)
        try:
            while connection.receive(self._key, until) is not None:
                until = min(until, soonest)
        except redis.ConnectionError:  # messages may have been missed
            time.sleep(max(0.0, min(until, soonest) - time.monotonic()))


def _microseconds(*seconds: float) -> tuple[int, ...]:
    return tuple(round(length / MICROSECOND) for length in seconds)
