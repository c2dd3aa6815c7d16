"""Reentrant locks: a thread of a process is the owner, it alone counts, and there is one lease beneath."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable

import pytest

from broker import Context, LeaseLostError, NotOwnedError, RLock
from broker.engine import leased_handle, session
from broker.engine.shared_scripts import RELEASE
from broker.locks.permits import ACQUIRE
from tests.support.actors import SLACK, Actor, Actors
from tests.support.proxy import Fault, Proxy
from tests.support.server_state import count_waiters, holders, run_command, start_waiting
from tests.support.waiting import wait_until

LONG = 60.0  # seconds: a lease that does not end within a bound
Process = Callable[[object], Actor]


def acquire_times(lock: RLock, depth: int) -> None:
    for _ in range(depth):
        assert lock.acquire() is True


def end_lease(lock: RLock) -> None:
    """Remove what the lock's owner holds from the server, as a lease that ends does, and let the owner notice."""
    run_command(lock, b"HDEL", lock._keys[0], *holders(lock))
    wait_until(lambda: not lock.held)


def test_it_is_free_when_it_was_released_as_often_as_acquired(ctx: Context, process: Process) -> None:
    lock = ctx.RLock()
    other = process(lock)
    acquire_times(lock, 3)
    for _ in range(2):
        lock.release()
        assert other.call("acquire", False) is False
        assert lock.held
    assert lock.depth == 1
    lock.release()
    assert not lock.held
    assert (lock.fence, lock.depth) == (None, 0)
    assert other.call("acquire", False) is True


def test_only_the_first_acquire_and_the_last_release_send_a_request(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = ctx.RLock()
    with lock:
        fence = lock.fence
        with monkeypatch.context() as silent:
            silent.delattr(session.Session, "run")
            with lock as entered:
                assert entered is True
                assert lock.held
                assert lock.fence == fence
    assert holders(lock) == []


def test_all_handles_of_a_process_count_together(ctx: Context) -> None:
    lock = ctx.RLock()
    acquire_times(lock, 1)
    for same in (pickle.loads(pickle.dumps(lock)), ctx.RLock(name=lock.name)):
        assert same.acquire(False) is True
        lock.release()
        assert same.held
    lock.release()
    assert holders(lock) == []


def test_other_threads_are_no_owners(ctx: Context, actors: Actors) -> None:
    lock = ctx.RLock()
    other = actors.thread(lock)
    lock.acquire()
    assert (other.call("held"), other.call("fence"), other.call("depth")) == (False, None, 0)
    assert other.call("acquire", False) is False
    with pytest.raises(AssertionError, match="not held by this thread"):
        other.call("release")
    start_waiting(lock, [other])
    lock.release()
    assert other.result() is True
    assert not lock.held
    with pytest.raises(NotOwnedError):
        lock.release()
    assert other.call("held") is True
    other.call("release")


def test_forked_child_of_the_owner_owns_nothing(ctx: Context, process: Process) -> None:
    lock = ctx.RLock()
    acquire_times(lock, 2)
    child = process(lock)
    assert child.call("held") is False
    assert child.call("acquire", False) is False
    with pytest.raises(AssertionError):
        child.call("release")
    lock.release()
    assert lock.held
    lock.release()
    assert child.call("acquire", False) is True


def test_lost_lease_fails_every_level(ctx: Context) -> None:
    lock = ctx.RLock(lease=0.5)
    acquire_times(lock, 3)
    end_lease(lock)
    for depth in (3, 2, 1):
        assert lock.depth == depth
        with pytest.raises(LeaseLostError):
            lock.acquire()
        with pytest.raises(LeaseLostError):
            lock.release()
    with pytest.raises(NotOwnedError):
        lock.release()
    with lock:
        assert lock.held


def test_lost_lease_is_lost_although_another_process_has_the_lock_now(ctx: Context, process: Process) -> None:
    lock = ctx.RLock(lease=0.5)
    other = process(lock)
    acquire_times(lock, 2)
    end_lease(lock)
    assert other.call("acquire", False) is True
    for _ in range(2):
        with pytest.raises(LeaseLostError):
            lock.release()
    assert lock.acquire(False) is False
    assert other.call("held") is True


def test_owner_paused_past_its_lease_learns_of_the_loss_at_every_level(ctx: Context, process: Process) -> None:
    lock = ctx.RLock(lease=0.5)
    paused = process(lock)
    for _ in range(2):
        paused.call("acquire")
    paused.signal(signal.SIGSTOP)
    assert lock.acquire() is True
    paused.signal(signal.SIGCONT)
    assert paused.call("held") is False
    for _ in range(2):
        with pytest.raises(LeaseLostError):
            paused.call("release")
    assert lock.held
    lock.release()


def test_waiter_gets_the_lock_of_a_killed_owner(ctx: Context, process: Process) -> None:
    lock = ctx.RLock(lease=1.0)
    owner, waiter = process(lock), process(lock)
    for _ in range(2):
        owner.call("acquire")
    start_waiting(lock, [waiter])
    owner.kill()
    assert waiter.result(timeout=1.5 + SLACK) is True
    waiter.call("release")
    assert lock.acquire(False), "it had been acquired once"


def test_one_lease_is_renewed_at_any_depth(ctx: Context, process: Process) -> None:
    lock = ctx.RLock(lease=1.0)
    acquire_times(lock, 3)
    lock.release()
    assert len(holders(lock)) == 1
    assert process(lock).call("acquire", timeout=2.5) is False, "more than two leases later"
    assert lock.held


def test_timed_out_and_killed_waiters_leave_nothing(ctx: Context, process: Process) -> None:
    lock = ctx.RLock(lease=LONG)
    acquire_times(lock, 2)
    killed, waiter = process(lock), process(lock)
    assert waiter.call("acquire", timeout=0.05) is False
    start_waiting(lock, [killed, waiter])
    killed.kill()
    lock.release()
    assert waiter.blocked(0.1)
    lock.release()
    assert waiter.result(timeout=1 + SLACK) is True
    assert count_waiters(lock) == 0


@pytest.mark.parametrize("fault", Fault)
def test_lost_messages(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault) -> None:
    lock = proxied.RLock()
    proxy.inject(ACQUIRE, fault)
    acquire_times(lock, 2)
    assert proxy.all_injected
    assert len(holders(lock)) == 1
    lock.release()
    assert lock.held
    proxy.inject(RELEASE, fault)
    lock.release()
    assert ctx.RLock(name=lock.name).acquire(False) is True


@pytest.fixture
def failed_release(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> RLock:
    """A lock whose last release was interrupted, and is completed in the background."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    lock = ctx.RLock(lease=LONG)
    acquire_times(lock, 2)
    lock.release()
    with monkeypatch.context() as patched:
        patched.setattr(leased_handle, "run", interrupt)
        with pytest.raises(KeyboardInterrupt):
            lock.release()
    return lock


def test_release_that_failed_can_be_repeated(failed_release: RLock) -> None:
    failed_release.release()
    assert holders(failed_release) == []
    with pytest.raises(NotOwnedError):
        failed_release.release()


def test_acquire_after_a_release_that_failed_waits_for_the_server(failed_release: RLock, process: Process) -> None:
    assert failed_release.depth == 0
    assert failed_release.acquire() is True
    assert failed_release.held
    assert process(failed_release).call("acquire", False) is False
    failed_release.release()
    assert holders(failed_release) == []
