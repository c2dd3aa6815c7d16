"""`Context.primitives()`: every kind of primitive, idle or busy, in as many requests as it takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import redis

from broker import Context, PrimitiveInfo
from broker.engine.handle import INDEX, Handle
from broker.overview import primitives
from tests.support.actors import Actor
from tests.support.server_state import count_waiters, start_waiting
from tests.support.waiting import wait_until

Process = Callable[[object], Actor]


@pytest.fixture(autouse=True)
def _empty_server(client: redis.Redis) -> None:
    client.flushall()


def use_all(ctx: Context) -> dict[str, Any]:
    """Return a primitive of each kind, by name; all exist on the server and none is in use."""
    used: dict[str, Any] = {
        "Array": ctx.RawArray("d", 3, name="array"),
        "Barrier": ctx.Barrier(3, name="barrier"),
        "Board": ctx.Board(name="board"),
        "BoundedSemaphore": ctx.BoundedSemaphore(2, name="bounded"),
        "Condition": ctx.Condition(ctx.Lock(name="lock"), name="condition"),
        "Event": ctx.Event(name="event"),
        "JoinableQueue": ctx.JoinableQueue(name="tasks"),
        "Lock": ctx.Lock(name="lock"),
        "Queue": ctx.Queue(3, name="queue"),
        "RLock": ctx.RLock(name="rlock"),
        "Semaphore": ctx.Semaphore(3, name="semaphore"),
        "SimpleQueue": ctx.SimpleQueue(name="simple"),
        "Value": ctx.RawValue("i", name="value"),
    }
    manager = ctx.Manager()
    used |= {"list": manager.list("ab")._store, "dict": manager.dict()._store, "Namespace": manager.Namespace()._store}
    used["Lock"].open()
    used["RLock"].open()
    used["Barrier"].reset()
    with used["Condition"]:
        used["Condition"].wait(0)
    used["SimpleQueue"].open()
    used["Event"].set()
    used["Event"].clear()
    return used


def test_idle_primitives_of_all_kinds(ctx: Context, client: redis.Redis) -> None:
    used = use_all(ctx)
    before = {key: client.dump(key) for key in client.keys("*")}
    assert ctx.primitives() == [
        PrimitiveInfo("Array", "array", type="float64[3]"),
        PrimitiveInfo("Barrier", "barrier", capacity=3),
        PrimitiveInfo("Board", "board"),
        PrimitiveInfo("BoundedSemaphore", "bounded", capacity=2, free=2),
        PrimitiveInfo("Condition", "condition"),
        PrimitiveInfo("Event", "event", is_set=False),
        PrimitiveInfo("JoinableQueue", "tasks", items=0),
        PrimitiveInfo("Lock", "lock", capacity=1, free=1),
        PrimitiveInfo("Namespace", used["Namespace"].name, items=0),
        PrimitiveInfo("Queue", "queue", capacity=3, items=0),
        PrimitiveInfo("RLock", "rlock", capacity=1, free=1),
        PrimitiveInfo("Semaphore", "semaphore", capacity=3, free=3),
        PrimitiveInfo("SimpleQueue", "simple", items=0),
        PrimitiveInfo("Value", "value", type="int32"),
        PrimitiveInfo("dict", used["dict"].name, items=0),
        PrimitiveInfo("list", used["list"].name, items=2),
    ]
    assert ctx.primitives(busy=True) == []
    assert {key: client.dump(key) for key in client.keys("*")} == before, "a look changes nothing"
    for primitive in used.values():
        primitive.delete()
    assert ctx.primitives() == []


def test_every_kind_is_known() -> None:
    def subclasses(kind: type[Handle]) -> list[type[Handle]]:
        return [each for sub in kind.__subclasses__() for each in (sub, *subclasses(sub))]

    kinds = {each._kind for each in subclasses(Handle) if hasattr(each, "_kind")}
    internal = {"end", "tasks"}  # the users of a pipe's end; a pool's tasks
    assert kinds - internal == set(primitives._KINDS)


def test_busy_primitives(ctx: Context, process: Process) -> None:
    used = use_all(ctx)
    lock, semaphore, queue, tasks = (used[kind] for kind in ("Lock", "Semaphore", "Queue", "JoinableQueue"))
    waiter, getter, putter, listener = (
        process(lock),
        process(used["SimpleQueue"]),
        process(queue),
        process(used["Event"]),
    )
    party = process(used["Barrier"])
    party.begin("wait")
    wait_until(lambda: used["Barrier"].n_waiting == 1)
    sleeper = process(used["Condition"])
    sleeper.call("acquire")
    sleeper.begin("wait")
    wait_until(lambda: count_waiters(used["Condition"]) == 1)
    lock.acquire()
    used["RLock"].acquire()
    used["RLock"].acquire()
    semaphore.acquire()
    start_waiting(lock, [waiter])
    start_waiting(used["SimpleQueue"], [getter], "get")
    for item in "xyz":
        queue.put(item)
    start_waiting(queue, [putter], "put", "more")
    start_waiting(used["Event"], [listener], "wait")
    tasks.put("x")
    assert tasks.get() == "x"
    left, right = ctx.Pipe()
    left.send("x")
    with ctx.Heartbeat(used["Board"], "me", daemon=False):
        found = {primitive.kind: primitive for primitive in ctx.primitives(busy=True)}
    assert found.keys() == used.keys() - {"Array", "BoundedSemaphore", "Value", "Namespace", "dict", "list"} | {"Pipe"}
    [held], [waits] = found["Lock"].holders, found["Lock"].waiters
    assert (held.pid, held.fence, found["Lock"].free) == (os.getpid(), lock.fence, 0)
    assert (waits.pid, waits.place, waits.call, found["Lock"].waiting) == (waiter.pid, 1, "acquire", 1)
    assert [(each.pid, each.fence) for each in found["RLock"].holders] == [(os.getpid(), used["RLock"].fence)]
    assert (found["Semaphore"].capacity, found["Semaphore"].free) == (3, 2)
    assert [(each.pid, each.call) for each in found["SimpleQueue"].waiters] == [(getter.pid, "get")]
    assert (found["Queue"].items, found["Queue"].capacity) == (3, 3)
    assert [(each.pid, each.call) for each in found["Queue"].waiters] == [(putter.pid, "put")]
    assert (found["JoinableQueue"].items, [each.pid for each in found["JoinableQueue"].holders]) == (0, [os.getpid()])
    assert (found["Pipe"].name, found["Pipe"].items) == (right._inbox.name, 1)
    assert (found["Event"].is_set, found["Event"].waiting) == (False, 1)
    assert found["Board"].alive == ("me",)
    assert [(each.pid, each.call) for each in found["Barrier"].waiters] == [(party.pid, "wait")]
    assert [(each.pid, each.call) for each in found["Condition"].waiters] == [(sleeper.pid, "wait")]
    used["Event"].set()
    assert listener.result() is True
    assert [each.is_set for each in ctx.primitives(busy=True) if each.kind == "Event"] == [True]
    lock.release()
    assert waiter.result() is True
    assert [each.holders[0].pid for each in ctx.primitives(busy=True) if each.kind == "Lock"] == [waiter.pid]
    for primitive in used.values():
        primitive.delete()


def test_semaphore_without_permits_that_is_waited_for(ctx: Context, process: Process) -> None:
    semaphore = ctx.Semaphore(0)
    waiter = process(semaphore)
    start_waiting(semaphore, [waiter])
    [found] = ctx.primitives(busy=True)
    assert (found.name, found.capacity, found.free, found.waiting) == (semaphore.name, 0, 0, 1)


def test_killed_holder_is_listed_until_its_lease_expires(ctx: Context, process: Process) -> None:
    lock = ctx.Lock(lease=1.0)
    holder = process(lock)
    holder.call("acquire")
    [found] = ctx.primitives(busy=True)
    assert [each.pid for each in found.holders] == [holder.pid]
    holder.kill()
    wait_until(lambda: ctx.primitives(busy=True) == [])
    assert [(each.name, each.free) for each in ctx.primitives()] == [(lock.name, 1)]


@pytest.mark.parametrize("name", ["a:b", "{tag}", "a}b", "}", "zwei Wörter", "日本"])
def test_any_name(ctx: Context, name: str) -> None:
    lock = ctx.Lock(name=name)
    with lock:
        assert [each.name for each in ctx.primitives(busy=True)] == [name]
    lock.delete()


def test_entries_without_a_state_are_skipped(ctx: Context, client: redis.Redis) -> None:
    for kind in primitives._KINDS:
        client.zadd(INDEX, {f"broker:{{{kind}:expired}}": 1_000_000})
    client.zadd(INDEX, {"broker:{later:kind}": 1_000_000, "something else": 1_000_000})
    lock = ctx.Lock()
    lock.open()
    client.zadd(INDEX, {"broker:{lock:expired}": client.time()[0] * 1_000_000})
    assert [each.name for each in ctx.primitives()] == [lock.name]


@pytest.mark.parametrize("limit", [1, 2, 7, 8, 100])
def test_more_primitives_than_one_request_looks_at(
    ctx: Context, client: redis.Redis, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = [ctx.Lock() for _ in range(8)]
    for lock in locks:
        lock.open()
    time = client.zscore(INDEX, locks[3]._key)
    client.zadd(INDEX, {lock._key: time for lock in locks[2:6]})  # as if registered in the same microsecond
    monkeypatch.setattr(primitives, "LIST", primitives.LIST_SCRIPT.bind([INDEX], limit))
    locks[5].acquire()
    assert {each.name for each in ctx.primitives()} == {lock.name for lock in locks}
    assert [each.name for each in ctx.primitives(busy=True)] == [locks[5].name]
