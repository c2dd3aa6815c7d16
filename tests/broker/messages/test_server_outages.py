"""Queues and pipes when the server loses scripts, connections or data, is restarted or gone, and after Ctrl-C."""

from __future__ import annotations

import queue
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from broker import Context, LeaseLostError, ServerUnavailableError
from broker.messages.items import _GetRequest
from tests.support.actors import Actor, Actors
from tests.support.server_state import count_putters, count_waiters, holders, start_waiting
from tests.support.servers import Server
from tests.support.waiting import wait_until

Process = Callable[[object], Actor]
KINDS = pytest.mark.parametrize("kind", ["SimpleQueue", "Queue", "JoinableQueue"])


def test_scripts_are_loaded_again_after_script_flush(ctx: Context, client: redis.Redis, actors: Actors) -> None:
    tasks = ctx.JoinableQueue(1)
    getter, joiner = actors.process(ctx, tasks), actors.process(ctx, tasks)
    start_waiting(tasks, [getter], "get")
    client.script_flush()
    tasks.put("task")
    client.script_flush()
    assert getter.result() == "task"
    joiner.begin("join")
    client.script_flush()
    getter.call("task_done")
    assert joiner.result() is None
    client.script_flush()
    assert tasks.empty()


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
def test_waiters_that_are_disconnected_are_still_served(
    ctx: Context, client: redis.Redis, actors: Actors, kind: str
) -> None:
    items = ctx.Queue(1)
    getters = [actors.process(ctx, items) for _ in range(3)]
    start_waiting(items, getters, "get")
    for _ in range(2):
        client.execute_command("CLIENT", "KILL", "TYPE", kind)
    wait_until(lambda: count_waiters(items) == len(getters))
    for number in range(3):
        items.put(number)
    assert sorted(getter.result() for getter in getters) == [0, 1, 2]
    items.put("full")
    putter = actors.process(ctx, items)
    start_waiting(items, [putter], "put", "after")
    client.execute_command("CLIENT", "KILL", "TYPE", kind)
    assert items.get() == "full"
    assert putter.result() is None
    assert items.get() == "after"


@KINDS
def test_restart_with_data_loses_nothing(durable_server: Server, actors: Actors, kind: str) -> None:
    with Context(durable_server.url) as ctx:
        full, empty = getattr(ctx, kind)(), getattr(ctx, kind)()
        for number in range(3):
            full.put(number)
        assert full.get() == 0
        getter = actors.process(ctx, empty)
        start_waiting(empty, [getter], "get")
        durable_server.kill()
        durable_server.start()
        assert [full.get(), full.get()] == [1, 2]
        empty.put("x")
        assert getter.result() == "x"
        if kind == "JoinableQueue":
            for _ in range(3):
                full.task_done()
            full.join()


@KINDS
def test_waiting_getter_is_served_after_restart_without_data(
    volatile_server: Server, actors: Actors, kind: str
) -> None:
    with Context(volatile_server.url) as ctx:
        items = getattr(ctx, kind)()
        getter = actors.process(ctx, items)
        start_waiting(items, [getter], "get")
        volatile_server.kill()
        volatile_server.start()
        wait_until(lambda: count_waiters(items) == 1)
        items.put("x")
        assert getter.result() == "x"


def test_waiting_putter_is_served_after_restart_without_data(volatile_server: Server, actors: Actors) -> None:
    with Context(volatile_server.url) as ctx:
        items = ctx.Queue(1)
        items.put("lost")
        putter = actors.process(ctx, items)
        start_waiting(items, [putter], "put", "kept")
        volatile_server.kill()
        volatile_server.start()
        assert putter.result() is None
        assert items.get() == "kept"
        assert items.empty()


def test_task_done_raises_after_restart_without_data(volatile_server: Server, actors: Actors) -> None:
    with Context(volatile_server.url) as ctx:
        tasks = ctx.JoinableQueue()
        tasks.put("task")
        joiner = actors.process(ctx, tasks)
        tasks.get()
        start_waiting(tasks, [joiner], "join")
        volatile_server.kill()
        volatile_server.start()
        assert joiner.result() is None, "no item is unfinished"
        assert tasks.empty()  # on a new connection, so that task_done() is not a repeated request
        with pytest.raises(LeaseLostError):
            tasks.task_done()
        tasks.put("new")
        assert tasks.get() == "new"
        tasks.task_done()


def test_join_returns_when_all_items_are_done_after_data_loss(
    ctx: Context, client: redis.Redis, actors: Actors
) -> None:
    tasks = ctx.JoinableQueue()
    joiner = actors.thread(tasks)

    def finish_an_item() -> None:
        tasks.put("task")
        tasks.get()
        tasks.task_done()

    finish_an_item()
    tasks.put("lost")
    start_waiting(tasks, [joiner], "join")
    client.flushall()
    finish_an_item()
    assert joiner.result() is None


def test_timeout_without_a_server_raises_neither_empty_nor_full(folder: Path) -> None:
    with Server(folder) as started, Context(started.url) as ctx:
        items = ctx.Queue(1)
        items.put("x")
        started.kill()
        with pytest.raises(ServerUnavailableError):
            items.get(timeout=0.1)
        with pytest.raises(ServerUnavailableError):
            items.put("y", timeout=0.1)
        started.start()
        with pytest.raises(queue.Empty):
            items.get(timeout=0.1)


def test_getter_leaves_the_queue_on_ctrl_c(ctx: Context, process: Process) -> None:
    items = ctx.Queue()
    first, second = process(items), process(items)
    start_waiting(items, [first, second], "get")
    first.signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        first.result()
    assert count_waiters(items) == 1
    items.put("x")
    assert second.result() == "x"
    items.put("y")
    assert first.call("get") == "y", "and it can get later"


def test_putter_leaves_the_queue_on_ctrl_c(ctx: Context, process: Process) -> None:
    items = ctx.Queue(1)
    items.put("first")
    putter = process(items)
    start_waiting(items, [putter], "put", "never")
    putter.signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        putter.result()
    assert count_putters(items) == 0
    assert items.get() == "first"
    assert items.empty()


@KINDS
@pytest.mark.parametrize("moment", ["_on_grant_message", "_on_grant"])
def test_ctrl_c_during_get_loses_no_item(
    ctx: Context, actors: Actors, monkeypatch: pytest.MonkeyPatch, kind: str, moment: str
) -> None:
    def raise_interrupt(*_: object) -> bool:
        raise KeyboardInterrupt

    items = getattr(ctx, kind)()
    getter = actors.thread(items)
    with monkeypatch.context() as patch:
        patch.setattr(_GetRequest, moment, raise_interrupt)
        start_waiting(items, [getter], "get")
        items.put("first")
        items.put("second")
        with pytest.raises(KeyboardInterrupt):
            getter.result()
    assert holders(items) == []
    assert [items.get(), items.get()] == ["first", "second"]


def test_pipe_is_usable_after_ctrl_c(ctx: Context, process: Process) -> None:
    left, right = ctx.Pipe()
    receiver = process(right)
    assert receiver.call("poll", 0.01) is False
    receiver.begin("recv")
    assert receiver.blocked(0.1)
    receiver.signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        receiver.result()
    left.send("x")
    assert receiver.call("recv") == "x"
