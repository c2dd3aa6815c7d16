"""Leases that a process beside the holder renews: while the holder keeps the GIL, is killed, stopped or forked."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from broker import Context, InvalidArgumentError, LeaseLostError, Lock
from broker.engine import keeper
from broker.engine.keeper import FREE, Keeper
from broker.server.private_server import PrivateServer
from tests.support.actors import SLACK, Actor, Actors
from tests.support.server_state import holders
from tests.support.waiting import wait_until

LEASE = 3.0  # seconds; a third of it is more than a busy machine delays a renewal


def keeper_of(lock: Lock) -> Keeper:
    keeper = lock._get_session().lease_renewer.keeper
    assert keeper is not None
    return keeper


class Holder:
    """A process that holds a lock."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def acquire(self) -> bool:
        return self._lock.acquire()

    def acquire_and_be_kept(self) -> int:
        """Return the process id of the keeper, which has renewed the lease once."""
        self._lock.acquire()
        [lease] = self._lock._get_session().holdings.leases(self._lock._key)
        wait_until(lambda: lease.keeping is not None and lease.keeping.deadline > lease.deadline)
        return keeper_of(self._lock).pid

    def keep_gil(self, seconds: float) -> bool:
        """Return whether the lock is held after C code has kept the GIL."""
        ctypes.PyDLL(None).poll(None, 0, int(seconds * 1000))
        return self._lock.held

    def keeper(self) -> int:
        return keeper_of(self._lock).pid

    def held(self) -> bool:
        return self._lock.held

    def release(self) -> None:
        self._lock.release()


@pytest.fixture
def kept(server: PrivateServer) -> Iterator[Context]:
    with Context(server.url, keeper="process") as context:
        yield context


@pytest.fixture
def start(ctx: Context, actors: Actors) -> Callable[[Lock], Actor]:
    """Starts a process that holds a lock."""
    return lambda lock: actors.process(ctx, Holder(lock))


Start = Callable[[Lock], Actor]


def has_ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_holder_keeps_the_gil_for_longer_than_its_lease(ctx: Context, kept: Context, start: Start) -> None:
    by_thread, by_process = ctx.Lock(lease=LEASE), kept.Lock(lease=LEASE)
    loser, keeper = start(by_thread), start(by_process)
    loser.call("acquire")
    keeper.call("acquire_and_be_kept")
    for each in (loser, keeper):
        each.begin("keep_gil", LEASE + 1)
    assert by_thread.acquire() is True, "the lease has expired"
    assert by_process.acquire(False) is False
    assert loser.result() is False
    assert keeper.result() is True
    keeper.call("release")
    assert by_process.acquire(timeout=SLACK) is True
    with pytest.raises(LeaseLostError):
        loser.call("release")


@pytest.mark.slow
def test_killed_holder_loses_its_lease(kept: Context, start: Start) -> None:
    lock = kept.Lock(lease=LEASE)
    holder = start(lock)
    keeper = holder.call("acquire_and_be_kept")
    holder.kill()
    assert lock.acquire(timeout=LEASE + SLACK) is True
    wait_until(lambda: has_ended(keeper))


@pytest.mark.slow
def test_stopped_holder_loses_its_lease_and_learns_of_it_at_once(kept: Context, start: Start) -> None:
    lock = kept.Lock(lease=LEASE)
    holder = start(lock)
    holder.call("acquire_and_be_kept")
    holder.signal(signal.SIGSTOP)
    assert lock.acquire(timeout=LEASE + SLACK) is True
    holder.signal(signal.SIGCONT)
    assert holder.call("held") is False
    with pytest.raises(LeaseLostError):
        holder.call("release")
    assert len(holders(lock)) == 1


@pytest.mark.slow
def test_killed_keeper_is_replaced_and_keeps_what_is_held(kept: Context, start: Start) -> None:
    lock = kept.Lock(lease=LEASE)
    holder = start(lock)
    first = holder.call("acquire_and_be_kept")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: holder.call("keeper") != first)
    wait_until(lambda: psutil.Process(holder.call("keeper")).cpu_times().user > 0)
    assert holder.call("keep_gil", LEASE + 1) is True


@pytest.mark.slow
def test_stopped_keeper_is_replaced_by_the_thread(kept: Context, start: Start) -> None:
    lock = kept.Lock(lease=LEASE)
    holder = start(lock)
    keeper = holder.call("acquire_and_be_kept")
    os.kill(keeper, signal.SIGSTOP)
    try:
        assert lock.acquire(timeout=LEASE + 1) is False
        assert holder.call("held") is True
    finally:
        os.kill(keeper, signal.SIGCONT)


@pytest.mark.slow
def test_holder_learns_of_a_lock_that_was_deleted(kept: Context) -> None:
    lock = kept.Lock(lease=LEASE)
    lock.acquire()
    lock.delete()
    wait_until(lambda: not lock.held)
    with pytest.raises(LeaseLostError):
        lock.release()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_each_process_has_a_keeper_of_its_own(kept: Context, actors: Actors, method: str) -> None:
    lock, other = kept.Lock(), kept.Lock()
    lock.acquire()
    child = actors.process(kept.get_context(method), Holder(other))
    assert child.call("held") is False
    child.call("acquire")
    ours, theirs = keeper_of(lock).pid, child.call("keeper")
    assert psutil.Process(ours).ppid() == os.getpid()
    assert psutil.Process(theirs).ppid() == child.pid
    child.kill()
    wait_until(lambda: has_ended(theirs))
    assert lock.held
    assert not has_ended(ours)


def test_keeper_is_told_when_a_lease_ends(kept: Context) -> None:
    lock = kept.Lock()
    for _ in range(5):
        lock.acquire()
        [lease] = lock._get_session().holdings.leases(lock._key)
        keeping: Any = lease.keeping
        lock.release()
        wait_until(lambda: keeping.deadline == FREE)  # noqa: B023 - called in this round only
        assert keeping.cell == 0, "it was used again"


def test_lease_that_a_finalizer_ends_while_the_keeper_is_told_of_another(
    kept: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = kept.Lock(), kept.Lock()
    for lock in locks:
        lock.acquire()
    [lease] = locks[1]._get_session().holdings.leases(locks[1]._key)

    def pack_after_finalizer(*message: Any) -> bytes:
        monkeypatch.undo()
        keeper_of(locks[1]).end(lease)
        return keeper.pack(*message)

    monkeypatch.setattr(keeper, "pack", pack_after_finalizer)
    locks[0].release()
    assert sorted(keeper_of(locks[0])._ended) == [0, 1]
    locks[1].release()


def test_keeper_ends_with_its_context_and_is_out_of_reach_of_the_terminal(server: PrivateServer) -> None:
    with Context(server.url, keeper="process") as context, context.Lock() as lock_held:
        assert lock_held
        [lock] = context._unnamed
        assert isinstance(lock, Lock)
        keeper = psutil.Process(keeper_of(lock).pid)
        assert os.getsid(keeper.pid) == keeper.pid
        assert not [word for word in keeper.cmdline() if server.url in word]
    wait_until(lambda: has_ended(keeper.pid))


def test_choice_goes_with_a_handle(kept: Context, server: PrivateServer) -> None:
    lock = pickle.loads(pickle.dumps(kept.Lock()))
    assert lock._url == kept.url == f"{server.url}#keeper=process"
    assert lock._get_session().lease_renewer.keeper is not None


@pytest.mark.parametrize("wrong", ["thread ", "", None, 1])
def test_unknown_keeper_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="keeper"):
        Context(keeper=wrong)


def test_unknown_fragment_of_a_url_is_refused(server: PrivateServer, folder: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="not a Redis URL"):
        Lock.at(f"{server.url}#keeper=proces", "name").acquire()
