"""What the actors do with a learner's lock: the behaviors from which the trials are made."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from typing import Any, TypeAlias

from lab.learn.actor import Actor
from lab.learn.errors import UnjudgedError
from lab.learn.judging import ACTS, JOB, LATE, NOT_HELD, REFUSED, TIMES_OUT, WRITES

LEASE = 30.0  # seconds of virtual time
POLL = 1.0  # seconds between two questions of one that is refused

Behavior: TypeAlias = Callable[[Actor, Any], None]


def hold(seconds: float) -> Behavior:
    """Ask every second until the lock is granted; hold it for so long."""

    def behave(me: Actor, lock: Any) -> None:
        ends = _enter(me, lock)
        me.work(seconds)
        me.leave()
        _release(me, lock, ends)

    return behave


def write(seconds: float) -> Behavior:
    """Do as `hold` does, and write into the store at the end of the work."""

    def behave(me: Actor, lock: Any) -> None:
        ends = _enter(me, lock)
        me.work(seconds)
        fence = getattr(lock, "fence", None)
        if not isinstance(fence, int) or isinstance(fence, bool):
            sentence = _("fence must be a whole number after acquire(), not {value!r}")
            raise UnjudgedError(sentence.format(value=fence))
        accepted = fence >= me.run.newest_fence
        me.run.newest_fence = max(me.run.newest_fence, fence)
        me.record(WRITES if accepted else REFUSED, fence=fence)
        me.leave()
        _release(me, lock, ends)

    return behave


def wait_and_hold(seconds: float, timeout: float = 200.0, rounds: int = 1) -> Behavior:
    """Wait for the lock in acquire(timeout), and hold it for so long; the next round follows at once."""

    def behave(me: Actor, lock: Any) -> None:
        for _round in range(rounds):
            me.record("requests", on=JOB)
            if not me.call("acquire", lock.acquire, timeout):
                me.record(TIMES_OUT, on=JOB)
                return
            me.enter(JOB, me.run.clock.now + LEASE)
            me.work(seconds)
            me.leave()
            me.call("release", lock.release)

    return behave


def act(seconds: float) -> Behavior:
    """Hold the lock for so long, and ask before each act, every second, whether it is still held."""

    def behave(me: Actor, lock: Any) -> None:
        ends = _enter(me, lock)
        me.point()
        for _second in range(int(seconds)):
            me.sleep(1)
            if not me.call("held", lock.held):
                me.record(NOT_HELD)
                break
            me.record(ACTS)
        me.leave()
        _release(me, lock, ends)

    return behave


def _enter(me: Actor, lock: Any) -> float:
    """Ask until the lock is granted; return when its lease ends: it counts from the call that got it."""
    me.record("requests", on=JOB)
    while True:
        called = me.run.clock.now
        if me.call("acquire", lock.acquire):
            break
        me.sleep(POLL)
    if called + LEASE > me.run.clock.now:
        me.enter(JOB, called + LEASE)
    else:
        me.record(LATE, on=JOB, value=int(called + LEASE), why="its lease has ended already")
    return called + LEASE


def _release(me: Actor, lock: Any, ends: float) -> None:
    """Release the lock; whoever does so late may be told by an exception."""
    try:
        me.call("release", lock.release)
    except UnjudgedError:
        if me.run.clock.now < ends:
            raise
