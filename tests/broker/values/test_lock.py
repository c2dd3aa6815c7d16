"""An access to a value with a lock: one request if nobody holds the lock, a place in its queue if somebody does."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from broker import Context, LeaseLostError, Lock, RLock
from broker.values.guarded_bytes import LOCKED
from broker.values.shared import Region, region
from broker.values.synchronized import guarded
from tests.broker.engine.test_interrupted_anywhere import interrupted_at_each_line
from tests.support.actors import TIMEOUT, Actor, Actors
from tests.support.server_state import count_waiters, holders, run_command, start_waiting
from tests.support.servers import Server
from tests.support.waiting import wait_until

LONG = 600.0  # seconds: no lease of this expires in a test
ACCESSES: dict[str, Callable[[Any], object]] = {
    "read": lambda value: value.value,
    "write": lambda value: setattr(value, "value", 7),
    "add": lambda value: value.add(1),
}
EACH = pytest.mark.parametrize("access", ACCESSES.values(), ids=ACCESSES)


class Counter:
    """Counts the requests of a context's server."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def __call__(self) -> int:
        calls = self._client.info("commandstats")
        return sum(calls.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha"))


@pytest.fixture
def requests(client: redis.Redis) -> Counter:
    return Counter(client)


@EACH
@pytest.mark.parametrize("holding", [False, True])
def test_access_is_one_request(ctx: Context, requests: Counter, access: Any, holding: bool) -> None:
    value = ctx.Value("i", 5, lock=ctx.RLock(lease=LONG))
    if holding:
        value.acquire()
    access(value)
    before = requests()
    access(value)
    access(value)
    assert requests() - before == 2
    assert bool(holders(value.get_lock())) is holding


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
@pytest.mark.parametrize(
    ("call", "result"), [(("value",), 100), (("__setattr__", "value", 7), None), (("add", 1), 101)], ids=ACCESSES
)
def test_access_queues_for_the_lock(
    ctx: Context, actors: Actors, kind: str, call: tuple[Any, ...], result: object
) -> None:
    lock = getattr(ctx, kind)(lease=LONG)
    value = ctx.Value("i", 5, lock=lock)
    first, second = actors.process(ctx, lock), actors.process(ctx, value)
    with lock:
        start_waiting(lock, [first])
        second.begin(*call)
        while count_waiters(lock) < 2:
            assert second.blocked(0.01)
    assert first.result() is True
    assert second.blocked(0.05), "it is not its turn"
    value.get_obj().value = 100
    first.call("release")
    assert second.result() == result
    assert not holders(lock)


def test_other_thread_of_the_holder_waits(ctx: Context, actors: Actors) -> None:
    value = ctx.Value("i", 5)
    other = actors.thread(value)
    with value:
        other.begin("add", 1)
        assert other.blocked(0.1)
        value.value = 7
    assert other.result() == 8


def test_holder_of_a_lock_that_is_not_reentrant_waits_for_itself(ctx: Context, actors: Actors) -> None:
    """As with multiprocessing."""
    lock = ctx.Lock(lease=LONG)
    other = actors.thread(ctx.Value("i", 5, lock=lock))
    assert other.call("acquire")
    other.begin("value")
    assert other.blocked(0.1)
    lock.release()
    assert other.result() == 5


def test_interrupted_holder_that_waits_for_itself_goes_on_holding(ctx: Context, actors: Actors) -> None:
    lock = ctx.Lock(lease=LONG)
    holder = actors.process(ctx, ctx.Value("i", 5, lock=lock))
    assert holder.call("acquire")
    start_waiting(lock, [holder], "value")
    holder.signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        holder.result()
    assert lock.locked()
    holder.call("release")
    assert not lock.locked()


@EACH
def test_holder_that_has_lost_its_lease_changes_nothing(ctx: Context, actors: Actors, access: Any) -> None:
    lock = ctx.RLock(lease=LONG)
    value = ctx.Value("i", 5, lock=lock)
    lock.acquire()
    run_command(lock, b"HDEL", lock._key, *holders(lock))  # as if it had paused for longer than the lease
    assert actors.process(ctx, lock).call("acquire")
    with pytest.raises(LeaseLostError):
        access(value)
    assert value.get_obj().value == 5
    with pytest.raises(LeaseLostError):
        lock.release()


def test_holder_is_paused_for_longer_than_its_lease(ctx: Context, actors: Actors) -> None:
    value = ctx.Value("i", 5, lock=ctx.RLock(lease=0.5))
    holder = actors.process(ctx, value)
    assert holder.call("acquire")
    assert holder.call("value") == 5
    holder.signal(signal.SIGSTOP)
    assert value.add(2) == 7
    holder.signal(signal.SIGCONT)
    with pytest.raises(LeaseLostError):
        holder.call("__setattr__", "value", 6)
    assert value.value == 7


def test_holder_is_killed(ctx: Context, actors: Actors) -> None:
    value = ctx.Value("i", 5, lock=ctx.RLock(lease=0.5))
    holder = actors.process(ctx, value)
    assert holder.call("acquire")
    holder.call("__setattr__", "value", 6)
    holder.kill()
    assert value.add(2) == 8


def test_expired_lease_does_not_count(ctx: Context, client: redis.Redis, actors: Actors) -> None:
    lock = ctx.RLock(lease=LONG)
    value = ctx.Value("i", 5, lock=lock)
    other = actors.process(ctx, value)
    lock.acquire()
    [token] = holders(lock)
    client.hset(lock._key, token, "1 1 1")
    with pytest.raises(LeaseLostError):
        value.value = 6
    client.hset(lock._key, "look", 1)
    assert other.call("value") == 5, "it acquires the lock, which is free"


# An interrupt while a socket is opened leaves it to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
def test_interrupted_access_leaves_the_lock_free(ctx: Context, client: redis.Redis) -> None:
    lock = ctx.RLock(lease=LONG)
    value = ctx.Value("i", 5, lock=lock)
    lock.acquire()
    lock.release()

    def prepare() -> None:
        client.hset(lock._key, mapping={"host/1/x:1/1": "1 1 1", "look": 1})  # so the access acquires the lock

    def check() -> None:
        wait_until(lambda: not lock.locked())
        assert value.value in (5, 6)
        value.value = 5

    assert interrupted_at_each_line(prepare, lambda: setattr(value, "value", 6), check) > 100


class Bits(ctypes.Structure):
    _fields_ = (("small", ctypes.c_int, 3), ("large", ctypes.c_uint, 7))


class Audited(Lock):
    """A lock of a program's own, which has to notice each acquisition."""

    acquisitions = 0

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        self.acquisitions += 1
        return super().acquire(block, timeout)


class Bare:
    """The least that multiprocessing takes as a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.acquire, self.release = self._lock.acquire, self._lock.release


@pytest.mark.parametrize("lock", [True, None, 1])
def test_a_value_gets_a_reentrant_lock(ctx: Context, lock: Any) -> None:
    value = ctx.Value("i", 5, lock=lock)
    assert isinstance(value.get_lock(), RLock)
    with value.get_lock():
        value.value += 1
    assert value.value == 6


@pytest.mark.parametrize("make", [lambda ctx: Audited(context=ctx), lambda ctx: ctx.Semaphore(1), lambda ctx: Bare()])
def test_lock_of_another_kind_is_acquired_for_each_access(ctx: Context, actors: Actors, make: Any) -> None:
    lock = make(ctx)
    value = ctx.Value("i", 5, lock=lock)
    assert value.add(2) == value.value == 7
    value.value += 1
    other = actors.thread(value)
    lock.acquire()
    other.begin("value")
    assert other.blocked(0.1)
    lock.release()
    assert other.result() == 8
    if isinstance(lock, Audited):
        assert lock.acquisitions == 6


def test_lock_on_another_server_is_acquired_for_each_access(
    ctx: Context, volatile_server: Server, actors: Actors
) -> None:
    with Context(volatile_server.url) as elsewhere:
        lock = elsewhere.Lock()
        value = ctx.Value("i", 5, lock=lock)
        other = actors.thread(value)
        with lock:
            other.begin("add", 1)
            assert other.blocked(0.1)
        assert other.result() == 6
        assert (value.value, lock.locked()) == (6, False)


def test_processes_use_one_lock_for_a_name(ctx: Context, process: Callable[[object], Actor]) -> None:
    value, same = ctx.Value("i", 5, name="total"), ctx.Value("i", 8, name="total")
    other = process(same)
    with value.get_lock():
        other.begin("add", 1)
        assert other.blocked(0.1)
        value.value = 6
    assert other.result(TIMEOUT) == 7
    assert same.value == 7
    value.delete()
    assert not [key for key in run_command(value.get_lock(), b"KEYS", b"*") if b"total" in key]


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_bit_field_is_not_changed_if_the_lock_is_lost_meanwhile(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    lock = getattr(ctx, kind)(lease=LONG)
    point = ctx.Value(Bits, lock=lock)
    local_copy = Region.local_copy

    def read_and_pause(structure: Region) -> Any:
        copy = local_copy(structure)
        run_command(lock, b"HDEL", lock._key, *holders(lock))  # as if it had paused for longer than the lease
        return copy

    monkeypatch.setattr(Region, "local_copy", read_and_pause)
    with pytest.raises(LeaseLostError):
        point.small = 3
    monkeypatch.undo()
    assert point.get_obj().small == 0


def test_bit_field_is_changed_under_the_lock(ctx: Context, actors: Actors) -> None:
    point = ctx.Value(Bits)
    point.large = 100
    other = actors.thread(point)
    with point.get_lock():
        other.begin("__setattr__", "small", 3)
        assert other.blocked(0.1)
        point.large = 101
    other.result()
    assert (point.small, point.large) == (3, 101)


def test_late_copy_of_a_write_that_the_lock_refused_writes_nothing(ctx: Context) -> None:
    """As when the request was sent twice, and its copy is delayed until the lock is free."""
    value = ctx.Value("i", 1)
    memory = region(guarded(value)).memory
    request = (b"host/1/other/0:1/1", b"0", b"", b"0", bytes(ctypes.c_int(2)))
    with value.get_lock():
        assert memory.stored._run(memory._write_script, *request)[0] == LOCKED
    assert memory.stored._run(memory._write_script, *request)[0] == LOCKED
    assert value.value == 1
