"""A run in virtual time: actors that run a learner's version on a real server, one at a time.

An actor runs until it waits: it sleeps, waits for a reply that blocks or for a message, or its fault pauses it. Then
the next one runs that can. If none can, the clock moves on to the next moment at which one can, and the keys on the
server expire as they would have by then. So a run takes no time, and is the same each time, as far as the version uses
no random numbers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol

import redis

from lab.learn.clock import Clock
from lab.learn.errors import UnjudgedError
from lab.learn.faults import Fault
from lab.learn.requests import FOREVER, Scripts, Tokens
from lab.trace import LAB, Event, Trace

HOST = "virtual"


class Scheduled(Protocol):
    """An actor, as the run schedules it."""

    dead: bool
    wakes_at: float
    readable: Callable[[], bool] | None
    lease_ends: float

    def resume(self) -> None:
        """Let it run until it waits; raise `UnjudgedError` if it does neither that nor end."""

    def leave(self, why: str | None = None) -> None:
        """Record that it is outside, unless it is already."""

    def close(self) -> None:
        """End it where it waits."""


class VirtualRun:
    """A server, a clock, and the actors of a run with one fault."""

    def __init__(self, url: str, fault: Fault | None = None) -> None:
        self.path = url.removeprefix("unix://")
        self.server = redis.Redis(unix_socket_path=self.path)
        self.fault = fault
        self.fault_met = False
        self.clock = Clock(self.server)
        self.requests = 0
        self.waits = 0
        self.newest_fence = 0  # that the store has seen
        self.problem: UnjudgedError | None = None
        self.turn = threading.Semaphore(0)
        self.scripts = Scripts()
        self.tokens = Tokens()
        self.actors: list[Scheduled] = []
        self._events: list[Event] = []

    def __enter__(self) -> VirtualRun:
        self.server.flushall()
        self.server.script_flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in self.actors:
            actor.close()
        self.server.close()

    def add(self, actor: Scheduled) -> None:
        """Add an actor; of several whose time has come, those run first that were added first."""
        self.actors.append(actor)

    def run(self, until: float) -> Trace:
        """Run all actors until they have finished, or until that time; return what happened."""
        while self.problem is None and self.clock.now < until:
            self._end_leases()
            waiting = [actor for actor in self.actors if not actor.dead]
            able = self._next(waiting)
            if able is not None:
                able.resume()
                continue
            moments = [moment for actor in waiting for moment in (actor.wakes_at, actor.lease_ends)]
            if min(moments, default=FOREVER) == FOREVER:
                break
            self.clock.move_to(min(until, *moments))
        if self.problem is not None:
            raise self.problem
        self._events.append(Event(LAB, HOST, 0, "ends run", self.clock.now))
        return Trace("learn", HOST, {}, tuple(self._events))

    def record(self, who: str, number: int, what: str, **more: Any) -> None:
        """Record an event."""
        self._events.append(Event(who, HOST, number, what, self.clock.now, **more))

    def fault_comes(self, kind: str, who: str, call: str, number: int) -> bool:
        """Return whether the fault comes at this moment; it comes once."""
        if self.fault_met or self.fault is None or not self.fault.is_at(kind, who, call, number):
            return False
        self.fault_met = True
        return True

    def _next(self, waiting: Sequence[Scheduled]) -> Scheduled | None:
        """Return the actor that runs next: one whose time has come or, else, one that has something to read."""
        due = [actor for actor in waiting if actor.wakes_at <= self.clock.now]
        if due:
            return min(due, key=lambda actor: actor.wakes_at)
        self.server.ping()  # what the server has sent before has arrived now
        return next((actor for actor in waiting if actor.readable and actor.readable()), None)

    def _end_leases(self) -> None:
        for actor in self.actors:
            if actor.lease_ends <= self.clock.now:
                actor.leave(why="its lease has ended")
