"""Fault injection: an actor carries out its own fault when it reaches the moment that its plan names.

It records the fault first, with the primitive and the moment: `dies`; `pauses` and `resumes`; `is cut off` and
`reconnects`; or `restarts server` (or `restarts server empty`) and `server is back`.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from broker.errors import ServerUnavailableError
from lab.errors import RunEndedError
from lab.runtime.event_log import EventLog
from lab.runtime.fault_plan import (
    CUT,
    ENDING,
    FAULT_SECONDS,
    GRANTS,
    INSIDE,
    KILL,
    PAUSE,
    RESTART,
    RESTART_EMPTY,
    RUNNING,
    WAITING,
    Fault,
)
from lab.runtime.outage import Outage
from lab.runtime.pause import pause_process
from lab.runtime.server_restart import restart_server
from lab.trace import (
    CUT_OFF,
    DIES,
    LET_IN,
    PAUSES,
    RECONNECTS,
    RESTARTS,
    RESTARTS_EMPTY,
    RESUMES,
    SERVER_IS_BACK,
)

REQUESTS = ("requests", "waits", "begins put")
ENDS = ("ends", "fails")
WAIT = 0.2  # seconds after a request, when the actor blocks unless it has been served


class Recorder(Protocol):
    """What an actor records its fault with: a `lab.runtime.recorder.Recorder`."""

    @property
    def log(self) -> EventLog:
        """The log of the run."""

    @property
    def who(self) -> str:
        """The actor."""

    def append(self, what: str, last: bool = False, **more: Any) -> None:
        """Record an event without a fault."""


class Injector:
    """Carries out the fault of one actor, or of one process of a program, if it has one.

    `url` is that of the server which the run is about; it is empty if there is none.
    """

    def __init__(self, fault: Fault | None = None, url: str = "") -> None:
        self.fault = fault
        self.url = url
        self._lock = threading.RLock()  # a thread carries out a fault in the middle of a wait
        self._requested: str | None = None
        self._waiting = False

    def __reduce__(self) -> tuple[object, ...]:
        return Injector, (self.fault, self.url)

    def before(self, me: Recorder, what: str, on: str | None) -> None:
        """Carry out the fault if it is due before this event is recorded."""
        if self.fault is None:
            return
        with self._lock:
            if what in GRANTS and self.fault.moment in (WAITING, LET_IN):
                self._apply(me, on, LET_IN)  # it has what it asked for, also if it did not wait for long
            elif self._waiting:
                self._apply(me, self._requested, WAITING)
            elif what in ENDS:
                self._apply(me, None, ENDING)

    def after(self, me: Recorder, what: str, on: str | None) -> None:
        """Carry out the fault if it is due after this event was recorded."""
        if self.fault is None or what == "starts":
            return
        with self._lock:
            if self.fault.moment == RUNNING or (self.fault.moment == INSIDE and what in self.fault.inside):
                self._apply(me, on, self.fault.moment)
            elif self.fault.moment == WAITING and what in REQUESTS and not self._waiting:
                self._requested, self._waiting = on, True
                timer = threading.Timer(WAIT, self._apply_while_waiting, [me])
                timer.daemon = True
                timer.start()

    def _apply_while_waiting(self, me: Recorder) -> None:
        with self._lock:
            self._apply(me, self._requested, WAITING)

    def _apply(self, me: Recorder, on: str | None, moment: str) -> None:
        fault, self.fault, self._waiting = self.fault, None, False
        if fault is None or _has_died(me):
            return
        CARRY_OUT[fault.kind](me, self.url, on=on, why=moment)


def _has_died(me: Recorder) -> bool:
    """Return whether the actor runs again, after its fault has killed it: RQ's pool repeats the tasks of the dead."""
    return any(event.what == DIES and event.who == me.who for event in me.log.events())


def _kill(me: Recorder, _: str, **more: Any) -> None:
    me.append(DIES, **more)
    os.kill(os.getpid(), signal.SIGKILL)


def _pause(me: Recorder, _: str, **more: Any) -> None:
    me.append(PAUSES, **more)
    pause_process(FAULT_SECONDS)
    me.append(RESUMES, **more)


def _cut_off(me: Recorder, url: str, **more: Any) -> None:
    """Cut the process off from the server; it goes on, and whatever sends a request waits until it is reconnected."""
    if not url:
        return  # there is no server

    def reconnect() -> None:
        outage.let_pass()
        try:
            with suppress(RunEndedError, ServerUnavailableError):  # the actor finds this out by itself
                me.append(RECONNECTS, **more)  # before anything that the others have waited to record
        finally:
            outage.end()

    me.append(CUT_OFF, **more)
    outage = Outage(url)
    outage.begin()
    timer = threading.Timer(FAULT_SECONDS, reconnect)
    timer.daemon = True
    timer.start()


def _restart(me: Recorder, url: str, *, keep_data: bool, **more: Any) -> None:
    if not url:
        return
    restart_server(url, keep_data, before=lambda: me.append(RESTARTS if keep_data else RESTARTS_EMPTY, **more))
    me.append(SERVER_IS_BACK, **more)


CARRY_OUT: dict[str, Callable[..., None]] = {
    KILL: _kill,
    PAUSE: _pause,
    CUT: _cut_off,
    RESTART: functools.partial(_restart, keep_data=True),
    RESTART_EMPTY: functools.partial(_restart, keep_data=False),
}
