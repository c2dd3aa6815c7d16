"""Ctrl-C at any line of a call: it was carried out, or it can be repeated; nobody is locked out afterwards."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import broker
from broker import Context, LeaseLostError, NotHeldError
from tests.support.actors import TIMEOUT, Actors
from tests.support.server_state import count_waiters, holders
from tests.support.waiting import wait_until

BROKER = str(Path(broker.__file__).parent)
LONG = 600.0  # seconds: nothing becomes free because a lease has expired
MANY_LINES = 1000  # more than any call has


class Interrupt(BaseException):
    """As a signal handler may raise."""


def interrupt_at(line: int, call: Callable[[], Any]) -> bool:
    """Call, and raise `Interrupt` at the n-th line that runs in the broker; return whether there was such a line."""
    left = line

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(BROKER):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                sys.settrace(None)
                raise Interrupt
        return trace

    before = sys.gettrace()
    gc.disable()  # what a finalizer raises is lost
    sys.settrace(trace)
    try:
        call()
    except Interrupt:
        pass
    finally:
        sys.settrace(before)
        gc.enable()
    return left <= 0


def release_all(release: Callable[[], Any]) -> None:
    for _ in range(3):
        try:
            release()
        except LeaseLostError:
            continue
        except NotHeldError:
            return
    raise AssertionError("it can be released again and again")


def interrupted_at_each_line(prepare: Callable[[], Any], call: Callable[[], Any], check: Callable[[], Any]) -> int:
    for line in range(1, MANY_LINES):
        prepare()
        if not interrupt_at(line, call):
            return line
        check()
    raise AssertionError("no call has so many lines")


@pytest.mark.parametrize("kind", ["Lock", "RLock", "BoundedSemaphore"])
@pytest.mark.parametrize("call", ["acquire", "release"])
def test_permit(kind: str, call: str, ctx: Context) -> None:
    permit = getattr(ctx, kind)(lease=LONG)

    def prepare() -> None:
        if call == "release":
            permit.acquire()

    def check() -> None:
        wait_until(lambda: permit.held or not holders(permit))  # not begun, or completed in the background
        release_all(permit.release)
        wait_until(lambda: not holders(permit) and not count_waiters(permit))
        assert permit.acquire(timeout=TIMEOUT)
        assert permit.held
        permit.release()

    assert interrupted_at_each_line(prepare, getattr(permit, call), check) > 20


@pytest.mark.parametrize("call", ["acquire", "release"])
def test_inner_level_of_a_reentrant_lock(call: str, ctx: Context) -> None:
    lock = ctx.RLock(lease=LONG)

    def prepare() -> None:
        lock.acquire()
        lock.acquire()

    def check() -> None:
        assert lock.held
        assert lock.depth in {"acquire": (2, 3), "release": (1, 2)}[call], "it was done, or it was not"
        for _ in range(lock.depth):
            lock.release()
        assert not holders(lock)

    assert interrupted_at_each_line(prepare, getattr(lock, call), check) > 5


def test_wait_for_a_lock(ctx: Context) -> None:
    lock = ctx.Lock()
    lock.acquire()

    def check() -> None:
        wait_until(lambda: not count_waiters(lock))
        assert len(holders(lock)) == 1

    assert interrupted_at_each_line(lambda: None, lambda: lock.acquire(timeout=0.01), check) > 40


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_wait_for_a_notification(kind: str, ctx: Context) -> None:
    condition = ctx.Condition(getattr(ctx, kind)(lease=LONG))

    def check() -> None:
        assert condition.lock.held
        assert len(holders(condition.lock)) == 1
        condition.release()
        wait_until(lambda: not (holders(condition.lock) or count_waiters(condition.lock) or count_waiters(condition)))

    assert interrupted_at_each_line(condition.acquire, lambda: condition.wait(0.01), check) > 40
    condition.release()


def test_notify(ctx: Context, actors: Actors) -> None:
    condition = ctx.Condition(lease=LONG)
    waiters = [actors.process(ctx, condition) for _ in range(2)]

    def prepare() -> None:
        for waiter in waiters[count_waiters(condition) :]:
            waiter.call("acquire")
            waiter.begin("wait")
        wait_until(lambda: count_waiters(condition) == len(waiters))
        condition.acquire()

    def check() -> None:
        left = count_waiters(condition)
        assert left in (1, 2), "it was done, or it was not"
        condition.notify(left)
        condition.release()
        for waiter in waiters:
            assert waiter.result() is True
            waiter.call("release")
        waiters.reverse()

    assert interrupted_at_each_line(prepare, condition.notify, check) > 20


@pytest.mark.slow
@pytest.mark.parametrize("action", [None, list])
def test_wait_at_a_barrier(action: Any, ctx: Context) -> None:
    alone, barrier = ctx.Barrier(1, action, lease=LONG), ctx.Barrier(2, action, lease=LONG)

    def check() -> None:
        wait_until(lambda: alone.broken or alone.n_waiting == 0)
        alone.reset()
        assert alone.wait() == 0

    def leaves() -> None:
        wait_until(lambda: barrier.n_waiting == 0)
        barrier.reset()

    assert interrupted_at_each_line(lambda: None, alone.wait, check) > 40
    assert interrupted_at_each_line(lambda: None, partial(arrive, barrier), leaves) > 60


def arrive(barrier: broker.Barrier) -> None:
    with suppress(broker.BrokenBarrierError):
        barrier.wait(0.01)


def test_task_done(ctx: Context) -> None:
    queue = ctx.JoinableQueue(lease=LONG)

    def prepare() -> None:
        queue.put("item")
        queue.get()

    def check() -> None:
        held = queue._current_lease(queue._get_session().holdings)
        wait_until(lambda: (held and held.is_valid) or not queue.holders())
        release_all(queue.task_done)
        queue.join()

    assert interrupted_at_each_line(prepare, queue.task_done, check) > 20
