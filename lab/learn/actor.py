"""An actor: a process of a run in virtual time, in which a learner's version runs; it is a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from gettext import gettext as _
from types import ModuleType
from typing import Any, NoReturn

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from lab.learn.clock import MONOTONIC_START
from lab.learn.connection import ActorConnection
from lab.learn.errors import Killed, UnjudgedError, describe_error
from lab.learn.faults import KILL, LOSE_REPLY, PAUSE, STEP_CLOCK, WORK
from lab.learn.requests import FOREVER, Request, describe
from lab.learn.virtual_run import VirtualRun
from lab.trace import DIES, PAUSES, RESUMES

RETRIES = 3  # of redis-py, as its own default has them
MAX_REQUESTS = 2000  # of a run: more is a loop without an end
MAX_WAITS = 10_000  # of a run
MAX_SILENCE = 10.0  # real seconds that an actor may run without a request or a wait
MAX_FINAL_WAIT = 1.0  # real seconds that an actor has to end
SENDS, CLOCK_STEPS, PRINTS = "sends", "clock steps", "prints"
WAITS = SLEEPS, BLOCKS = "sleeps", "waits for a message"


class Actor:
    """A process of the run: what it does is `behave`, from the moment `start` on."""

    def __init__(
        self,
        run: VirtualRun,
        name: str,
        number: int,
        behave: Callable[[Actor], None],
        start: float,
        clock_offset: float,
    ) -> None:
        self.name = name
        self.run = run
        self.clock_offset = clock_offset  # seconds by which its wall clock is ahead
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
        self.thread = threading.Thread(target=self._run, args=(behave,), daemon=True)

    @property
    def finished(self) -> bool:
        """Whether it has done what it had to, or is dead."""
        return not self.thread.is_alive()

    def clients(self, count: int) -> list[redis.Redis]:
        """Return clients of its own, each for another database."""
        for database in range(count):
            pool = redis.ConnectionPool(
                ActorConnection,
                path=self.run.path,
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
            sentence = _("{call} raised {error}").format(call=self._running, error=describe_error(error))
            raise UnjudgedError(sentence) from error
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
        """Sleep in virtual time."""
        if self._call == "acquire":
            self.record(SLEEPS)
        self._wait(self.run.clock.now + max(0.0, seconds), None)

    def wait(self, seconds: float, readable: Callable[[], bool]) -> bool:
        """Wait until there is something to read, or the time is over; return whether there is."""
        self.run.server.ping()  # what the server has sent before has arrived now
        if readable():
            return True
        self.record(BLOCKS)
        self._wait(self.run.clock.now + seconds, readable)
        return readable()

    def unblock(self, client_id: int) -> None:
        """End a request that blocks, as the server does when its time is over."""
        self.run.server.client_unblock(client_id)

    def before_request(self) -> None:
        """Meet the fault if it comes now; end the run if its requests cannot be judged."""
        if threading.current_thread() is not self.thread:
            self._give_up(_("a thread of your own sent a request; here, a process has only one thread"))
        self.run.requests += 1
        if self.run.requests > MAX_REQUESTS:
            sentence = _("{call} sends one request after the other; use time.sleep(), or wait for a message")
            self._give_up(sentence.format(call=self._running))
        self._meet_fault()

    def loses_reply(self, request: Request) -> bool:
        """Return whether the reply to this request is lost."""
        lost = self.run.fault_comes(LOSE_REPLY, self.name, self._call, self._requests)
        if lost:
            sent = describe(request, self.run.tokens, self.name)
            self.record(SENDS, why=_("{request} → the reply is lost").format(request=sent))
        return lost

    def receive(self, request: Request | None, reply: object) -> None:
        """Record a request and its reply, or a message."""
        tokens = self.run.tokens
        sent = _("a message") if request is None else describe(request, tokens, self.name)
        self.record(SENDS, why=f"{sent} → {tokens.describe_reply(reply)}")

    def with_time(self, request: Request) -> Request:
        """Return a request that reads the virtual time."""
        self.run.clock.hold()
        return self.run.scripts.with_time(request, self.run.clock.time_of_day)

    def time_modules(self) -> dict[str, ModuleType]:
        """Return the modules `time` and `datetime` as they are in this process."""
        return self.run.clock.modules(lambda: self.clock_offset, self.sleep, MONOTONIC_START / self._number)

    def print(self, *values: object, sep: str = " ", **__: object) -> None:
        """Record what the learner's version prints."""
        self.record(PRINTS, why=sep.join(map(str, values)))

    def record(self, what: str, **more: Any) -> None:
        """Record what it does."""
        self.run.record(self.name, self._number, what, **more)

    def resume(self) -> None:
        """Let it run until it waits; raise `UnjudgedError` if it does neither that nor end."""
        if self.thread.ident is None:
            self.thread.start()
        self._go.release()
        if not self.run.turn.acquire(timeout=MAX_SILENCE):
            sentence = _("{call} has run for {seconds:g} s without a request or a sleep; is it an endless loop?")
            raise UnjudgedError(sentence.format(call=self._running, seconds=MAX_SILENCE))

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
        return f"{self._call}()" if self._call else _("the file")

    def _run(self, behave: Callable[[Actor], None]) -> None:
        self._go.acquire()
        try:
            if not self.dead:
                behave(self)
        except Killed:
            pass
        except UnjudgedError as error:
            self.run.problem = self.run.problem or error
        except Exception as error:  # the version's object has no such method, for example
            sentence = _("a process raised {error}").format(error=describe_error(error))
            self.run.problem = self.run.problem or UnjudgedError(sentence)
        finally:
            self.wakes_at, self.readable = FOREVER, None
            self.run.turn.release()

    def _wait(self, until: float, readable: Callable[[], bool] | None) -> None:
        if self.dead:
            raise Killed
        self.run.waits += 1
        if self.run.waits > MAX_WAITS:
            sentence = _("{call} sleeps again and again, too briefly; sleep longer, or wait for a message")
            self._give_up(sentence.format(call=self._running))
        self.wakes_at, self.readable = until, readable
        self.run.turn.release()
        self._go.acquire()
        self.wakes_at, self.readable = FOREVER, None
        if self.dead:
            raise Killed

    def _give_up(self, sentence: str) -> NoReturn:
        """End the run: this version cannot be judged."""
        self.run.problem = self.run.problem or UnjudgedError(sentence)
        self.dead = True
        raise Killed

    def _meet_fault(self) -> None:
        if self.dead:
            raise Killed
        self._requests += 1
        run, place = self.run, (self.name, self._call, self._requests)
        if run.fault_comes(KILL, *place):
            self.dead = True
            self.leave(why=DIES)
            self.record(DIES)
            for pool in self._pools:
                pool.disconnect()
            raise Killed
        if run.fault_comes(PAUSE, *place) and run.fault:
            self.record(PAUSES)
            self._wait(run.clock.now + run.fault.seconds, None)
            self.record(RESUMES)
        if run.fault_comes(STEP_CLOCK, *place) and run.fault:
            self.clock_offset += run.fault.seconds
            self.record(CLOCK_STEPS, why=f"{run.fault.seconds:+g} s")
