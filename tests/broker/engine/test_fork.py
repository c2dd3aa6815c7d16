"""A forked child inherits its parent's handles, but neither what they hold nor the parent's connections."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from typing import Any

import pytest
import redis

from broker import Context, Event, NotHeldError
from tests.support.actors import TIMEOUT, Actors
from tests.support.server_state import count_event_waiters, count_waiters, holders, start_waiting
from tests.support.waiting import wait_until

FORK = multiprocessing.get_context("fork")


def test_child_of_a_lock_holder_holds_nothing(ctx: Context, actors: Actors) -> None:
    lock = ctx.Lock()
    lock.acquire()
    child = actors.process(ctx, lock)
    assert child.call("held") is False
    assert child.call("fence") is None
    assert child.call("acquire", False) is False
    with pytest.raises(NotHeldError):
        child.call("release")
    assert lock.held
    lock.release()
    assert holders(lock) == []


def test_release_by_the_child_of_a_permit_holder_adds_a_permit(ctx: Context, actors: Actors) -> None:
    semaphore = ctx.Semaphore(1)
    semaphore.acquire()
    child = actors.process(ctx, semaphore)
    child.call("release")
    assert len(holders(semaphore)) == 1, "the parent still holds"
    assert semaphore.get_value() == 1, "the child added a permit"


def test_child_renews_its_own_lease(ctx: Context, actors: Actors) -> None:
    lock = ctx.Lock(lease=1.5)
    with lock:
        child = actors.process(ctx, lock)  # forked while its parent's renewal thread runs
    child.call("acquire")
    assert lock.acquire(timeout=2 * 1.5) is False, "still held, two leases later"
    assert child.call("held") is True
    child.call("release")


def test_child_receives_no_message_of_its_parents_waiting_thread(ctx: Context, actors: Actors) -> None:
    lock, other = ctx.Lock(), ctx.Lock()
    with lock:
        waiter = actors.thread(lock)
        start_waiting(lock, [waiter])
        children = [actors.process(ctx, handle) for handle in (lock, other)]
        assert children[0].call("acquire", timeout=0.05) is False
        assert children[1].call("acquire", timeout=0.05) is True
        assert count_waiters(lock) == 1
        for child in children:
            child.kill()
        assert count_waiters(lock) == 1
    assert waiter.result() is True
    assert waiter.call("held") is True
    waiter.call("release")


def test_end_of_a_child_leaves_its_parents_lock_held(ctx: Context, actors: Actors) -> None:
    lock = ctx.Lock(lease=1.5)
    with lock:
        child = actors.process(ctx, lock)
        assert child.call("held") is False
        child.kill()
        assert actors.process(ctx, lock).call("acquire", timeout=2 * 1.5) is False, "the parent's lease is renewed"
        assert lock.held


def wait_and_fork(event: Event, pipe: Connection) -> None:
    """Wait for the event in a thread, fork a child that does nothing, and send its pid."""
    threading.Thread(target=event.wait, daemon=True).start()
    wait_until(lambda: count_event_waiters(event) == 1)
    child = FORK.Process(target=signal.pause)
    child.start()
    pipe.send(child.pid)
    signal.pause()


def test_child_of_a_killed_parent_keeps_none_of_its_connections_open(ctx: Context) -> None:
    event = ctx.Event()
    ours, theirs = FORK.Pipe()
    parent = FORK.Process(target=wait_and_fork, args=(event, theirs))
    parent.start()
    assert ours.poll(TIMEOUT)
    child = ours.recv()
    try:
        parent.kill()
        parent.join()
        wait_until(lambda: count_event_waiters(event) == 0)
    finally:
        os.kill(child, signal.SIGKILL)


def use_and_close(context: Context, inherited: list[Any]) -> None:
    """Do what a forked child may do before it leaves the `with` block of its parent."""
    context.Value("i", 6)
    inherited.clear()
    context.close()


def test_child_that_closes_an_inherited_context_deletes_only_its_own_primitives(
    ctx: Context, client: redis.Redis
) -> None:
    with Context(ctx.url) as context:
        kept, dropped, items = context.Value("i", 5), [context.RawValue("i", 5)], context.Manager().list([7])
        before = {*client.scan_iter()}
        child = FORK.Process(target=use_and_close, args=(context, dropped))
        child.start()
        child.join()
        assert child.exitcode == 0
        assert {*client.scan_iter()} == before
        assert (kept.value, dropped[0].value, items[:]) == (5, 5, [7])
