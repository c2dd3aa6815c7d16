"""Requests and replies of queues and pipes get lost: every item is put once and got once all the same."""

from __future__ import annotations

import queue

import pytest

from broker import BrokerError, Context, LeaseLostError
from broker.engine.shared_scripts import RENEW
from broker.messages.items import COUNT_ITEMS, GET, PUT
from broker.messages.pipe_ends import CLOSE_END, OPEN_END, REMAINING_OPEN
from broker.messages.queues import READ_UNFINISHED, TASK_DONE
from broker.transport.scripts import Script
from tests.support.actors import Actors
from tests.support.proxy import Fault, Proxy
from tests.support.server_state import count_joiners, count_putters, count_waiters, holders, kept_bytes, run_command
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("fault", Fault)
KINDS = pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])


@KINDS
def test_put(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault, kind: str) -> None:
    items = getattr(proxied, kind)(3)
    proxy.inject(PUT, fault)
    assert items.put("once") is None
    assert proxy.all_injected
    items.put("next")
    direct = getattr(ctx, kind)(3, name=items.name)
    assert direct.qsize() == 2
    assert [direct.get(), direct.get()] == ["once", "next"]


def test_put_into_full_queue(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    items = proxied.Queue(1)
    items.put("first")
    proxy.inject(PUT, fault)
    with pytest.raises(queue.Full):
        items.put_nowait("refused")
    assert proxy.all_injected
    assert items.qsize() == 1


def test_put_that_waits(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault, actors: Actors) -> None:
    items = proxied.Queue(1)
    direct = ctx.Queue(1, name=items.name)
    direct.put("first")
    putter = actors.thread(items)
    with pytest.raises(queue.Full):
        putter.call("put", "given up", timeout=0.01)  # it is now subscribed, so its next request joins the queue
    proxy.inject(PUT, fault)
    putter.begin("put", "second")
    wait_until(lambda: proxy.all_injected and count_putters(direct) == 1)
    assert direct.get() == "first"
    assert putter.result() is None
    assert direct.get() == "second"
    assert direct.empty()


def test_put_after_a_grant(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault, actors: Actors) -> None:
    items = proxied.Queue(1)
    direct = ctx.Queue(1, name=items.name)
    direct.put("first")
    putter = actors.thread(items)
    putter.begin("put", "second")
    wait_until(lambda: count_putters(direct) == 1)
    proxy.inject(PUT, fault)
    assert direct.get() == "first"
    assert putter.result() is None
    assert proxy.all_injected
    assert direct.get() == "second"
    assert direct.empty()


@KINDS
def test_get(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault, kind: str) -> None:
    items = getattr(proxied, kind)(2)
    items.put("first")
    items.put("second")
    proxy.inject(GET, fault)
    assert items.get() == "first"
    assert proxy.all_injected
    direct = getattr(ctx, kind)(2, name=items.name)
    assert direct.qsize() == 1
    direct.put_nowait("one slot is free, and only one")
    with pytest.raises(queue.Full):
        direct.put_nowait("refused")
    assert items.get() == "second"


def test_get_of_a_large_item(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    items = proxied.Queue()
    large = [bytes([number]) * 100_000 for number in range(3)]
    for item in large:
        items.put(item)
    proxy.inject(GET, fault)
    assert [items.get() for _ in large] == large
    assert proxy.all_injected
    wait_until(lambda: kept_bytes(items) < 1000)


@KINDS
def test_get_from_empty_queue(proxy: Proxy, proxied: Context, fault: Fault, kind: str) -> None:
    items = getattr(proxied, kind)()
    proxy.inject(GET, fault)
    with pytest.raises(queue.Empty):
        items.get_nowait()
    assert proxy.all_injected
    items.put("x")
    assert items.get() == "x"


@KINDS
def test_get_that_waits(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault, kind: str, actors: Actors) -> None:
    items = getattr(proxied, kind)()
    direct = getattr(ctx, kind)(name=items.name)
    getter = actors.thread(items)
    with pytest.raises(queue.Empty):
        getter.call("get", timeout=0.01)  # it is now subscribed, so its next request joins the queue
    proxy.inject(GET, fault)
    getter.begin("get")
    wait_until(lambda: proxy.all_injected and count_waiters(direct) == 1)
    direct.put("x")
    direct.put("y")
    assert getter.result() == "x"
    assert direct.qsize() == 1


@KINDS
def test_get_after_a_grant(
    proxy: Proxy, proxied: Context, ctx: Context, fault: Fault, kind: str, actors: Actors
) -> None:
    items = getattr(proxied, kind)()
    direct = getattr(ctx, kind)(name=items.name)
    getter = actors.thread(items)
    getter.begin("get")
    wait_until(lambda: count_waiters(direct) == 1)
    proxy.inject(GET, fault)
    direct.put("x")
    direct.put("y")
    assert getter.result() == "x"
    assert proxy.all_injected
    assert direct.get() == "y"
    assert direct.empty()


def test_late_copy_of_a_get_takes_nothing_after_task_done(
    proxy: Proxy, proxied: Context, ctx: Context, fault: Fault
) -> None:
    tasks = proxied.JoinableQueue()
    direct = ctx.JoinableQueue(name=tasks.name)
    tasks.put("first")
    proxy.inject(GET, fault)
    tasks.get()
    [token] = holders(tasks)
    tasks.task_done()
    direct.put("second")
    with pytest.raises(BrokerError, match="WITHDRAWN"):
        direct._run(direct._get_script, token, b"1", b"0", b"1")
    assert direct.get_nowait() == "second"


def test_task_done(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault) -> None:
    tasks = proxied.JoinableQueue()
    for number in range(2):
        tasks.put(number)
        tasks.get()
    proxy.inject(TASK_DONE, fault)
    assert tasks.task_done() is None
    assert proxy.all_injected
    assert len(holders(tasks)) == 1, "one item is done, not two"
    tasks.task_done()
    ctx.JoinableQueue(name=tasks.name).join()


def test_task_done_after_lost_lease_still_raises(
    proxy: Proxy, proxied: Context, ctx: Context, fault: Fault, actors: Actors
) -> None:
    tasks = proxied.JoinableQueue(lease=0.2)
    direct = ctx.JoinableQueue(name=tasks.name)
    tasks.put("task")
    tasks.get()
    tasks._get_session().lease_renewer.stop()
    assert direct.get() == "task"
    proxy.inject(TASK_DONE, fault)
    with pytest.raises(LeaseLostError):
        tasks.task_done()
    assert proxy.all_injected
    assert len(holders(direct)) == 1, "the other consumer still has it"
    direct.task_done()
    direct.join()


def test_renew(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    tasks = proxied.JoinableQueue(lease=1.5)
    tasks.put("task")
    tasks.get()
    [token] = holders(tasks)
    first = run_command(tasks, b"HGET", tasks._keys[0], token)
    proxy.inject(RENEW, fault)
    wait_until(lambda: proxy.all_injected and run_command(tasks, b"HGET", tasks._keys[0], token) != first)
    tasks.task_done()
    tasks.join()


def test_join(proxy: Proxy, proxied: Context, ctx: Context, fault: Fault, actors: Actors) -> None:
    tasks = ctx.JoinableQueue()
    tasks.put("task")
    joiner = actors.thread(proxied.JoinableQueue(name=tasks.name))
    proxy.inject(READ_UNFINISHED, fault)
    joiner.begin("join")
    wait_until(lambda: proxy.all_injected and count_joiners(tasks) == 1)
    tasks.get()
    tasks.task_done()
    assert joiner.result() is None


def test_qsize(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    items = proxied.Queue(2)
    items.put("x")
    proxy.inject(COUNT_ITEMS, fault)
    assert items.qsize() == 1
    assert proxy.all_injected


@pytest.mark.parametrize("script", [PUT, GET, REMAINING_OPEN])
def test_send_and_receive(proxy: Proxy, proxied: Context, fault: Fault, script: Script) -> None:
    left, right = proxied.Pipe()
    proxy.inject(script, fault)
    left.send("once")
    left.send("twice")
    assert [right.recv(), right.recv()] == ["once", "twice"]
    assert right.poll(0.01) is False
    assert proxy.all_injected


def test_open_pipe(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    proxy.inject(OPEN_END, fault)
    left, right = proxied.Pipe()
    assert proxy.all_injected
    left.send("x")
    left.close()
    assert right.recv() == "x"
    with pytest.raises(EOFError):
        right.recv()


def test_close_pipe(proxy: Proxy, proxied: Context, fault: Fault) -> None:
    left, right = proxied.Pipe()
    proxy.inject(CLOSE_END, fault)
    left.close()
    assert proxy.all_injected
    with pytest.raises(EOFError):
        right.recv()  # at once, or when the lease of the closed end expires
