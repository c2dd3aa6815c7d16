"""Requests and replies of queues and pipes get lost; every item is put once and got once all the same."""

from __future__ import annotations

import queue

import pytest

from broker import Context, LeaseLostError
from broker.engine.shared_scripts import RENEW
from broker.messages.items import COUNT_ITEMS, GET, PUT
from broker.messages.pipe_ends import CLOSE_END, OPEN_END, REMAINING_OPEN
from broker.messages.queues import READ_UNFINISHED, TASK_DONE
from broker.transport.scripts import Script
from tests.support.actors import Cast
from tests.support.clock import eventually
from tests.support.inside import ask, holders, joiners, putters_waiting, queue_length
from tests.support.proxy import Fault, Proxy

pytestmark = pytest.mark.parametrize("fault", Fault)
KINDS = pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])


@KINDS
def test_put(proxy: Proxy, far: Context, ctx: Context, fault: Fault, kind: str) -> None:
    items = getattr(far, kind)(3)
    proxy.plan(PUT, fault)
    assert items.put("once") is None
    assert proxy.struck
    items.put("next")
    near = getattr(ctx, kind)(3, name=items.name)
    assert near.qsize() == 2
    assert [near.get(), near.get()] == ["once", "next"]


def test_put_that_finds_no_room(proxy: Proxy, far: Context, fault: Fault) -> None:
    items = far.Queue(1)
    items.put("first")
    proxy.plan(PUT, fault)
    with pytest.raises(queue.Full):
        items.put_nowait("refused")
    assert proxy.struck
    assert items.qsize() == 1


def test_put_by_a_waiter(proxy: Proxy, far: Context, ctx: Context, fault: Fault, cast: Cast) -> None:
    items = far.Queue(1)
    near = ctx.Queue(1, name=items.name)
    near.put("first")
    putter = cast.thread(items)
    with pytest.raises(queue.Full):
        putter.call("put", "given up", timeout=0.01)  # from now on it listens, and its next request queues
    proxy.plan(PUT, fault)
    putter.begin("put", "second")
    eventually(lambda: proxy.struck and putters_waiting(near) == 1)
    assert near.get() == "first"
    assert putter.result() is None
    assert near.get() == "second"
    assert near.empty()


def test_put_by_a_waiter_whose_turn_has_come(
    proxy: Proxy, far: Context, ctx: Context, fault: Fault, cast: Cast
) -> None:
    items = far.Queue(1)
    near = ctx.Queue(1, name=items.name)
    near.put("first")
    putter = cast.thread(items)
    putter.begin("put", "second")
    eventually(lambda: putters_waiting(near) == 1)
    proxy.plan(PUT, fault)
    assert near.get() == "first"
    assert putter.result() is None
    assert proxy.struck
    assert near.get() == "second"
    assert near.empty()


@KINDS
def test_get(proxy: Proxy, far: Context, ctx: Context, fault: Fault, kind: str) -> None:
    items = getattr(far, kind)(2)
    items.put("first")
    items.put("second")
    proxy.plan(GET, fault)
    assert items.get() == "first"
    assert proxy.struck
    near = getattr(ctx, kind)(2, name=items.name)
    assert near.qsize() == 1
    near.put_nowait("one slot is free, and only one")
    with pytest.raises(queue.Full):
        near.put_nowait("refused")
    assert items.get() == "second"


@KINDS
def test_get_that_finds_nothing(proxy: Proxy, far: Context, fault: Fault, kind: str) -> None:
    items = getattr(far, kind)()
    proxy.plan(GET, fault)
    with pytest.raises(queue.Empty):
        items.get_nowait()
    assert proxy.struck
    items.put("x")
    assert items.get() == "x"


@KINDS
def test_get_by_a_waiter(proxy: Proxy, far: Context, ctx: Context, fault: Fault, kind: str, cast: Cast) -> None:
    items = getattr(far, kind)()
    near = getattr(ctx, kind)(name=items.name)
    getter = cast.thread(items)
    with pytest.raises(queue.Empty):
        getter.call("get", timeout=0.01)  # from now on it listens, and its next request queues
    proxy.plan(GET, fault)
    getter.begin("get")
    eventually(lambda: proxy.struck and queue_length(near) == 1)
    near.put("x")
    near.put("y")
    assert getter.result() == "x"
    assert near.qsize() == 1


@KINDS
def test_get_by_a_waiter_whose_turn_has_come(
    proxy: Proxy, far: Context, ctx: Context, fault: Fault, kind: str, cast: Cast
) -> None:
    items = getattr(far, kind)()
    near = getattr(ctx, kind)(name=items.name)
    getter = cast.thread(items)
    getter.begin("get")
    eventually(lambda: queue_length(near) == 1)
    proxy.plan(GET, fault)
    near.put("x")
    near.put("y")
    assert getter.result() == "x"
    assert proxy.struck
    assert near.get() == "y"
    assert near.empty()


def test_task_done(proxy: Proxy, far: Context, ctx: Context, fault: Fault) -> None:
    tasks = far.JoinableQueue()
    for number in range(2):
        tasks.put(number)
        tasks.get()
    proxy.plan(TASK_DONE, fault)
    assert tasks.task_done() is None
    assert proxy.struck
    assert len(holders(tasks)) == 1, "one is done, not two"
    tasks.task_done()
    ctx.JoinableQueue(name=tasks.name).join()


def test_task_done_of_what_was_lost_is_still_an_error(
    proxy: Proxy, far: Context, ctx: Context, fault: Fault, cast: Cast
) -> None:
    tasks = far.JoinableQueue(lease=0.2)
    near = ctx.JoinableQueue(name=tasks.name)
    tasks.put("task")
    tasks.get()
    tasks._here().keeper.stop()
    assert near.get() == "task"
    proxy.plan(TASK_DONE, fault)
    with pytest.raises(LeaseLostError):
        tasks.task_done()
    assert proxy.struck
    assert len(holders(near)) == 1, "the other one still has it"
    near.task_done()
    near.join()


def test_renewing_a_taken_task(proxy: Proxy, far: Context, fault: Fault) -> None:
    tasks = far.JoinableQueue(lease=1.5)
    tasks.put("task")
    tasks.get()
    [token] = holders(tasks)
    first = ask(tasks, b"HGET", tasks._keys[0], token)
    proxy.plan(RENEW, fault)
    eventually(lambda: proxy.struck and ask(tasks, b"HGET", tasks._keys[0], token) != first)
    tasks.task_done()
    tasks.join()


def test_join(proxy: Proxy, far: Context, ctx: Context, fault: Fault, cast: Cast) -> None:
    tasks = ctx.JoinableQueue()
    tasks.put("task")
    joiner = cast.thread(far.JoinableQueue(name=tasks.name))
    proxy.plan(READ_UNFINISHED, fault)
    joiner.begin("join")
    eventually(lambda: proxy.struck and joiners(tasks) == 1)
    tasks.get()
    tasks.task_done()
    assert joiner.result() is None


def test_counting(proxy: Proxy, far: Context, fault: Fault) -> None:
    items = far.Queue(2)
    items.put("x")
    proxy.plan(COUNT_ITEMS, fault)
    assert items.qsize() == 1
    assert proxy.struck


@pytest.mark.parametrize("script", [PUT, GET, REMAINING_OPEN])
def test_sending_and_receiving(proxy: Proxy, far: Context, fault: Fault, script: Script) -> None:
    left, right = far.Pipe()
    proxy.plan(script, fault)
    left.send("once")
    left.send("twice")
    assert [right.recv(), right.recv()] == ["once", "twice"]
    assert right.poll(0.01) is False
    assert proxy.struck


def test_opening_a_pipe(proxy: Proxy, far: Context, fault: Fault) -> None:
    proxy.plan(OPEN_END, fault)
    left, right = far.Pipe()
    assert proxy.struck
    left.send("x")
    left.close()
    assert right.recv() == "x"
    with pytest.raises(EOFError):
        right.recv()


def test_closing_a_pipe(proxy: Proxy, far: Context, fault: Fault) -> None:
    left, right = far.Pipe()
    proxy.plan(CLOSE_END, fault)
    left.close()
    assert proxy.struck
    with pytest.raises(EOFError):
        right.recv()  # at once, or when the lease of the end ends
