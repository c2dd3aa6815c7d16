"""Queues and pipes when the server forgets, throws its clients out, is restarted or gone, and when a caller leaves."""

from __future__ import annotations

import queue
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from broker import Context, LeaseLostError, ServerUnavailableError
from broker.messages import items
from tests.support.actors import Actor, Actors
from tests.support.server_state import count_putters, count_waiters, holders, start_waiting
from tests.support.servers import Server
from tests.support.waiting import wait_until

Process = Callable[[object], Actor]
KINDS = pytest.mark.parametrize("kind", ["SimpleQueue", "Queue", "JoinableQueue"])


def test_forgotten_scripts_are_taught_again(ctx: Context, client: redis.Redis, actors: Actors) -> None:
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
def test_those_who_wait_and_are_thrown_out_keep_their_places(
    ctx: Context, client: redis.Redis, actors: Actors, kind: str
) -> None:
    things = ctx.Queue(1)
    getters = [actors.process(ctx, things) for _ in range(3)]
    start_waiting(things, getters, "get")
    for _ in range(2):
        client.execute_command("CLIENT", "KILL", "TYPE", kind)
    wait_until(lambda: count_waiters(things) == len(getters))
    for number in range(3):
        things.put(number)
    assert sorted(getter.result() for getter in getters) == [0, 1, 2]
    things.put("full")
    putter = actors.process(ctx, things)
    start_waiting(things, [putter], "put", "after")
    client.execute_command("CLIENT", "KILL", "TYPE", kind)
    assert things.get() == "full"
    assert putter.result() is None
    assert things.get() == "after"


@pytest.fixture
def durable(folder: Path) -> Iterator[Server]:
    """A server that has its data again after a restart."""
    with Server(folder, appendonly="yes", appendfsync="always") as started:
        yield started


@pytest.fixture
def forgetful(folder: Path) -> Iterator[Server]:
    """A server that begins anew after a restart."""
    with Server(folder, appendonly="no") as started:
        yield started


@KINDS
def test_a_restart_with_its_data_loses_nothing(durable: Server, actors: Actors, kind: str) -> None:
    with Context(durable.url) as ctx:
        full, empty = getattr(ctx, kind)(), getattr(ctx, kind)()
        for number in range(3):
            full.put(number)
        assert full.get() == 0
        getter = actors.process(ctx, empty)
        start_waiting(empty, [getter], "get")
        durable.kill()
        durable.start()
        assert [full.get(), full.get()] == [1, 2]
        empty.put("x")
        assert getter.result() == "x"
        if kind == "JoinableQueue":
            for _ in range(3):
                full.task_done()
            full.join()


@KINDS
def test_a_restart_without_its_data_is_a_new_queue_for_those_who_wait(
    forgetful: Server, actors: Actors, kind: str
) -> None:
    with Context(forgetful.url) as ctx:
        things = getattr(ctx, kind)()
        getter = actors.process(ctx, things)
        start_waiting(things, [getter], "get")
        forgetful.kill()
        forgetful.start()
        wait_until(lambda: count_waiters(things) == 1)
        things.put("x")
        assert getter.result() == "x"


def test_a_putter_finds_room_in_a_server_without_its_data(forgetful: Server, actors: Actors) -> None:
    with Context(forgetful.url) as ctx:
        things = ctx.Queue(1)
        things.put("lost")
        putter = actors.process(ctx, things)
        start_waiting(things, [putter], "put", "kept")
        forgetful.kill()
        forgetful.start()
        assert putter.result() is None
        assert things.get() == "kept"
        assert things.empty()


def test_a_taken_task_that_the_server_forgot_is_lost_and_said_to_be(forgetful: Server, actors: Actors) -> None:
    with Context(forgetful.url) as ctx:
        tasks = ctx.JoinableQueue()
        tasks.put("task")
        joiner = actors.process(ctx, tasks)
        tasks.get()
        start_waiting(tasks, [joiner], "join")
        forgetful.kill()
        forgetful.start()
        assert joiner.result() is None, "nothing is left to do"
        assert tasks.empty()  # on a new connection, so that task_done() need not be sent again
        with pytest.raises(LeaseLostError):
            tasks.task_done()
        tasks.put("new")
        assert tasks.get() == "new"
        tasks.task_done()


def test_a_time_out_is_no_answer_if_the_server_gave_none(folder: Path) -> None:
    with Server(folder) as started, Context(started.url) as ctx:
        things = ctx.Queue(1)
        things.put("x")
        started.kill()
        with pytest.raises(ServerUnavailableError):
            things.get(timeout=0.1)
        with pytest.raises(ServerUnavailableError):
            things.put("y", timeout=0.1)
        started.start()
        with pytest.raises(queue.Empty):
            things.get(timeout=0.1)


def test_ctrl_c_leaves_the_queue(ctx: Context, process: Process) -> None:
    things = ctx.Queue()
    first, second = process(things), process(things)
    start_waiting(things, [first, second], "get")
    first.signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        first.result()
    assert count_waiters(things) == 1
    things.put("x")
    assert second.result() == "x"
    things.put("y")
    assert first.call("get") == "y", "and it may come again"


def test_ctrl_c_leaves_the_queue_for_room(ctx: Context, process: Process) -> None:
    things = ctx.Queue(1)
    things.put("first")
    putter = process(things)
    start_waiting(things, [putter], "put", "never")
    putter.signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        putter.result()
    assert count_putters(things) == 0
    assert things.get() == "first"
    assert things.empty()


@KINDS
@pytest.mark.parametrize("moment", ["_told", "_take"])
def test_ctrl_c_in_the_moment_of_the_get_loses_nothing(
    ctx: Context, actors: Actors, monkeypatch: pytest.MonkeyPatch, kind: str, moment: str
) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    things = getattr(ctx, kind)()
    getter = actors.thread(things)
    with monkeypatch.context() as patch:
        patch.setattr(items._Get, moment, interrupted)
        start_waiting(things, [getter], "get")
        things.put("first")
        things.put("second")
        with pytest.raises(KeyboardInterrupt):
            getter.result()
    assert holders(things) == []
    assert [things.get(), things.get()] == ["first", "second"]


def test_ctrl_c_leaves_a_pipe_usable(ctx: Context, process: Process) -> None:
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
