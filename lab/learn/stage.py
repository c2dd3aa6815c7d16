"""The stage: actors that run a learner's version on a real server, one at a time and on the stage's own clock.

An actor is a thread that runs until it waits: it sleeps, waits for a reply that blocks or for a message, or its fault
pauses it. Then the next one runs that can. If none can, the clock moves on to the next moment at which one can, and the
keys on the server expire as they would have by then. So a run takes no time, and is the same
each time, as far as the version uses no random numbers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import ModuleType, TracebackType
from typing import Any, NoReturn

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from lab.learn.clock import MONOTONIC_START, Clock
from lab.learn.connection import StageConnection
from lab.learn.errors import Killed, UnjudgedError, describe_error
from lab.learn.faults import KILL, LOSE_REPLY, PAUSE, STEP_CLOCK, WORK, Fault
from lab.learn.requests import FOREVER, Request, Scripts, Tokens, describe
from lab.trace import DIES, LAB, PAUSES, RESUMES, Event, Trace

RETRIES = 3  # of redis-py, as its own default has them
MAX_REQUESTS = 2000  # of a run: more is a loop without an end
MAX_WAITS = 10_000  # of a run
MAX_SILENCE = 10.0  # real seconds that an actor may run without a request or a wait
MAX_FINAL_WAIT = 1.0  # real seconds that an actor has to end
HOST = "stage"
SENDS, CLOCK_STEPS, PRINTS = "sends", "clock steps", "prints"
WAITS = SLEEPS, BLOCKS = "sleeps", "waits for a message"


class Actor:
    """A process of the run, played by a thread."""

    def __init__(self, stage: Stage, name: str, number: int, play: Callable[[Actor], None], start: float) -> None:
        self.name = name
        self.stage = stage
        self.clock_offset = 0.0  # seconds by which its wall clock is ahead
        self.dead = False
        self.wakes_at: float = start
        self.readable: Callable[[], bool] | None = None
        self.lease_ends = FOREVER  # of what it holds
        self._number = number
        self._section = ""
        self._call = ""
        self._requests = 0  # in this call
        self._go = threading.Semaphore(0)
        self._pools: list[redis.ConnectionPool] = []
        self.thread = threading.Thread(target=self._run, args=(play,), daemon=True)

    @property
    def finished(self) -> bool:
        """Whether it has done what it had to, or is dead."""
        return not self.thread.is_alive()

    def clients(self, count: int) -> list[redis.Redis]:
        """Return clients of its own, each for another database."""
        for database in range(count):
            pool = redis.ConnectionPool(
                StageConnection,
                path=self.stage.path,
                db=database,
                user=self,
                decode_responses=True,
                retry=Retry(NoBackoff(), RETRIES),
                protocol=2,
            )
            self._pools.append(pool)
        return [redis.Redis(connection_pool=pool) for pool in self._pools]

    def call(self, name: str, function: Callable[..., Any], *args: Any) -> Any:
        """Call the learner's method, in which a fault may meet the actor; raise `UnjudgedError` for an exception."""
        self._call, self._requests = name, 0
        try:
            return function(*args)
        except Killed:
            raise
        except BaseException as error:
            raise UnjudgedError(f"{self._running} raised {describe_error(error)}") from error
        finally:
            self._call = ""

    def work(self, seconds: float) -> None:
        """Do for so long what the lock protects."""
        self.sleep(seconds / 2)
        self.point()
        self.sleep(seconds / 2)

    def point(self) -> None:
        """Meet a fault that comes during the work, which is here."""
        self._call, self._requests = WORK, 0
        self._meet_fault()
        self._call = ""

    def enter(self, on: str, lease_ends: float) -> None:
        """Record that it is inside, until it leaves or its lease ends."""
        self.record("enters", on=on)
        self.lease_ends = lease_ends
        self._section = on

    def leave(self, why: str | None = None) -> None:
        """Record that it is outside, unless it is already."""
        if self.lease_ends < FOREVER:
            self.lease_ends = FOREVER
            self.record("leaves", on=self._section, why=why)

    def sleep(self, seconds: float) -> None:
        """Sleep on the stage."""
        if self._call == "acquire":
            self.record(SLEEPS)
        self._wait(self.stage.clock.now + max(0.0, seconds), None)

    def wait(self, seconds: float, readable: Callable[[], bool]) -> bool:
        """Wait on the stage until there is something to read, or the time is over; return whether there is."""
        self.stage.server.ping()  # what the server has sent before has arrived now
        if readable():
            return True
        self.record(BLOCKS)
        self._wait(self.stage.clock.now + seconds, readable)
        return readable()

    def unblock(self, client_id: int) -> None:
        """End a request that blocks, as the server does when its time is over."""
        self.stage.server.client_unblock(client_id)

    def before_request(self) -> None:
        """Meet the fault if it comes now; end the run if its requests cannot be judged."""
        if threading.current_thread() is not self.thread:
            self._give_up("a thread of your own sent a request; here, a process has only one thread")
        self.stage.requests += 1
        if self.stage.requests > MAX_REQUESTS:
            self._give_up(f"{self._running} sends one request after the other; use time.sleep(), or wait for a message")
        self._meet_fault()

    def loses_reply(self, request: Request) -> bool:
        """Return whether the reply to this request is lost."""
        lost = self.stage.fault_comes(LOSE_REPLY, self.name, self._call, self._requests)
        if lost:
            self.record(SENDS, why=f"{describe(request, self.stage.tokens, self.name)} → the reply is lost")
        return lost

    def receive(self, request: Request | None, reply: object) -> None:
        """Record a request and its reply, or a message."""
        tokens = self.stage.tokens
        sent = "a message" if request is None else describe(request, tokens, self.name)
        self.record(SENDS, why=f"{sent} → {tokens.describe_reply(reply)}")

    def with_time(self, request: Request) -> Request:
        """Return a request that reads the stage's time."""
        self.stage.clock.hold()
        return self.stage.scripts.with_time(request, self.stage.clock.time_of_day)

    def time_modules(self) -> dict[str, ModuleType]:
        """Return the modules `time` and `datetime` as they are in this process."""
        return self.stage.clock.modules(lambda: self.clock_offset, self.sleep, MONOTONIC_START / self._number)

    def print(self, *values: object, sep: str = " ", **_: object) -> None:
        """Record what the learner's version prints."""
        self.record(PRINTS, why=sep.join(map(str, values)))

    def record(self, what: str, **more: Any) -> None:
        """Record what it does."""
        self.stage.record(self.name, self._number, what, **more)

    def resume(self) -> None:
        """Let it run until it waits; raise `UnjudgedError` if it does neither that nor end."""
        if self.thread.ident is None:
            self.thread.start()
        self._go.release()
        if not self.stage.turn.acquire(timeout=MAX_SILENCE):
            raise UnjudgedError(
                f"{self._running} has run for {MAX_SILENCE:g} s without a request or a sleep; is it an endless loop?"
            )

    def close(self) -> None:
        """End it where it waits."""
        if self.thread.ident is not None and not self.finished:
            self.dead = True
            self._go.release()
            self.thread.join(MAX_FINAL_WAIT)
        for pool in self._pools:
            pool.disconnect()

    @property
    def _running(self) -> str:
        return f"{self._call}()" if self._call else "the file"

    def _run(self, play: Callable[[Actor], None]) -> None:
        self._go.acquire()
        try:
            if not self.dead:
                play(self)
        except Killed:
            pass
        except UnjudgedError as error:
            self.stage.problem = self.stage.problem or error
        except Exception as error:  # the version's object has no such method, for example
            self.stage.problem = self.stage.problem or UnjudgedError(f"a process raised {describe_error(error)}")
        finally:
            self.wakes_at, self.readable = FOREVER, None
            self.stage.turn.release()

    def _wait(self, until: float, readable: Callable[[], bool] | None) -> None:
        if self.dead:
            raise Killed
        self.stage.waits += 1
        if self.stage.waits > MAX_WAITS:
            self._give_up(f"{self._running} sleeps again and again, too briefly; sleep longer, or wait for a message")
        self.wakes_at, self.readable = until, readable
        self.stage.turn.release()
        self._go.acquire()
        self.wakes_at, self.readable = FOREVER, None
        if self.dead:
            raise Killed

    def _give_up(self, sentence: str) -> NoReturn:
        """End the run: this version cannot be judged."""
        self.stage.problem = self.stage.problem or UnjudgedError(sentence)
        self.dead = True
        raise Killed

    def _meet_fault(self) -> None:
        if self.dead:
            raise Killed
        self._requests += 1
        stage, place = self.stage, (self.name, self._call, self._requests)
        if stage.fault_comes(KILL, *place):
            self.dead = True
            self.leave(why=DIES)
            self.record(DIES)
            for pool in self._pools:
                pool.disconnect()
            raise Killed
        if stage.fault_comes(PAUSE, *place) and stage.fault:
            self.record(PAUSES)
            self._wait(stage.clock.now + stage.fault.seconds, None)
            self.record(RESUMES)
        if stage.fault_comes(STEP_CLOCK, *place) and stage.fault:
            self.clock_offset += stage.fault.seconds
            self.record(CLOCK_STEPS, why=f"{stage.fault.seconds:+g} s")


class Stage:
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
        self.actors: list[Actor] = []
        self._events: list[Event] = []

    def __enter__(self) -> Stage:
        self.server.flushall()
        self.server.script_flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in self.actors:
            actor.close()
        self.server.close()

    def add(self, name: str, play: Callable[[Actor], None], start: float = 0.0) -> Actor:
        """Add an actor that begins at `start`."""
        self.actors.append(Actor(self, name, len(self.actors) + 1, play, start))
        return self.actors[-1]

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

    def _next(self, waiting: Sequence[Actor]) -> Actor | None:
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
