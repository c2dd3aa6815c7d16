"""Recorders: what an actor writes its events with, in a child process or on another host."""

from __future__ import annotations

import functools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec

import redis

from broker import BrokerError, LeaseLostError
from lab.errors import LabError, RunEndedError
from lab.runtime.context import Permits
from lab.runtime.logs import Log
from lab.trace import new_event

P = ParamSpec("P")


@dataclass(frozen=True)
class Recorder:
    """An actor's own access to the log: `me.record("buys", value=4)`."""

    log: Log
    who: str

    def record(self, what: str, last: bool = False, **more: Any) -> None:
        """Record that `who` did `what`, maybe as its `last` event; by keyword: on, fence, value, why (see `Event`)."""
        self.log.append(lambda when, error: new_event(self.who, what, when, error, **more), last)

    @contextmanager
    def inside(self, section: str, guard: Permits | None) -> Iterator[int | None]:
        """Ask for `guard` and hold it for the length of the block, recording both; without one just go in.

        The block gets the fence under which it acts, if there is one. A lease that was lost meanwhile is recorded,
        too: `loses`, with the fence. What was done in the block may then be void, which only who keeps it can tell.
        """
        if guard is None:
            with self._staying(section, None):
                yield None
            return
        self.record("asks", on=section)
        guard.acquire()
        fence = getattr(guard, "fence", None)
        try:
            with self._staying(section, fence):
                yield fence
        finally:
            try:
                guard.release()
            except LeaseLostError as loss:
                self.record("loses", on=section, fence=fence, why=str(loss))

    @contextmanager
    def _staying(self, section: str, fence: int | None) -> Iterator[None]:
        self.record("enters", on=section, fence=fence)
        try:
            yield
        finally:
            self.record("leaves", on=section, fence=fence)


def actor(play: Callable[Concatenate[Recorder, P], None]) -> Callable[Concatenate[Recorder, P], None]:
    """Make of a function what a child process or a job runs: its beginning, end and failure are recorded.

    A failure that has a sentence ends the process with exit code 1; any other is a bug, with its traceback.
    """

    @functools.wraps(play)
    def perform(me: Recorder, /, *args: P.args, **kwargs: P.kwargs) -> None:
        _end_with_parent(os.getpid())
        try:
            me.record("starts")
            play(me, *args, **kwargs)
            me.record("ends", last=True)
        except RunEndedError:
            raise SystemExit(1) from None
        except (LabError, BrokerError, redis.RedisError, OSError) as error:
            with suppress(LabError, redis.RedisError, OSError):
                me.record("fails", last=True, why=str(error))
            raise SystemExit(1) from None

    return perform


@functools.cache  # a process of a pool plays one after the other
def _end_with_parent(_: int) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_outlive_nobody, args=(parent,), daemon=True).start()


def _outlive_nobody(parent: Any) -> None:
    parent.join()
    os._exit(1)
