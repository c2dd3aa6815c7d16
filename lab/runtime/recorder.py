"""Recorders, with which actors record events, in a child process or on another host."""

from __future__ import annotations

import functools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec

import redis

from broker import BrokerError, LeaseLostError
from jobs.worker.job_parent import JobParent
from lab.errors import LabError, RunEndedError
from lab.runtime.context import Permits
from lab.runtime.event_log import EventLog
from lab.runtime.fault_injection import Injector
from lab.runtime.source_line import exercise_name, source_line
from lab.trace import new_event

P = ParamSpec("P")


@dataclass(frozen=True)
class Recorder:
    """Records the events of one actor: `me.record("buys", value=4)`."""

    log: EventLog
    who: str
    injector: Injector = field(default_factory=Injector, compare=False)

    def record(self, what: str, last: bool = False, **more: Any) -> None:
        """Record that `who` did `what`, possibly as its `last` event.

        `more` are the fields on, fence, value, why, and line, which is else found in the exercise. If a fault is
        planned for this event, it happens here.
        """
        on = more.get("on")
        self.injector.before(self, what, on)
        self.append(what, last, **more)
        self.injector.after(self, what, on)

    def append(self, what: str, last: bool = False, **more: Any) -> None:
        """Record an event without a fault."""
        more.setdefault("line", source_line(exercise_name))
        self.log.append(lambda when, error: new_event(self.who, what, when, error, **more), last)

    @contextmanager
    def inside(
        self, section: str, lock: Permits | None, on_request: Callable[[], object] = lambda: None
    ) -> Iterator[int | None]:
        """Hold `lock`, if there is one, during the block, and record the request, the entry and the exit.

        Yield the lock's fence, or None. `on_request` is called before the wait for the lock. A lost lease is recorded
        as `loses lease`, with the fence: what was done in the block may then have been refused.
        """
        if lock is None:
            with self._section(section, None):
                yield None
            return
        self.record("requests", on=section)
        on_request()
        lock.acquire()
        fence = getattr(lock, "fence", None)
        try:
            with self._section(section, fence):
                yield fence
        finally:
            try:
                lock.release()
            except LeaseLostError as error:
                self.record("loses lease", on=section, fence=fence, why=str(error))

    @contextmanager
    def _section(self, section: str, fence: int | None) -> Iterator[None]:
        self.record("enters", on=section, fence=fence)
        try:
            yield
        finally:
            self.record("leaves", on=section, fence=fence)


def actor(function: Callable[Concatenate[Recorder, P], None]) -> Callable[Concatenate[Recorder, P], None]:
    """Decorate a function that a child process or a job runs: its start, end and failure are recorded.

    An expected error ends the process with exit code 1; any other exception is a bug, and has a traceback.
    """

    @functools.wraps(function)
    def run(me: Recorder, /, *args: P.args, **kwargs: P.kwargs) -> None:
        _exit_with_parent(os.getpid())
        try:
            me.record("starts")
            function(me, *args, **kwargs)
            me.record("ends", last=True)
        except RunEndedError:
            raise SystemExit(1) from None
        except (LabError, BrokerError, redis.RedisError, OSError) as error:
            with suppress(LabError, redis.RedisError, OSError):
                me.record("fails", last=True, why=str(error))
            raise SystemExit(1) from None

    return run


@functools.cache  # once per process: a pool's process runs several actors
def _exit_with_parent(_: int) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None and not isinstance(parent, JobParent):  # a job ends with the process that runs it
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: Any) -> None:
    parent.join()
    os._exit(1)
