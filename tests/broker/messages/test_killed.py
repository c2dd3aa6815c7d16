"""Processes are killed or paused while they put, get or process items: the others go on, and no item is lost."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from broker import Context, LeaseLostError
from tests.support.actors import SLACK, Actor
from tests.support.server_state import count_putters, count_reachable_waiters, count_waiters, holders, start_waiting
from tests.support.waiting import wait_until

KINDS = pytest.mark.parametrize("kind", ["SimpleQueue", "Queue", "JoinableQueue"])
Process = Callable[[object], Actor]


@KINDS
def test_killed_getters_are_skipped(ctx: Context, process: Process, kind: str) -> None:
    items = getattr(ctx, kind)()
    getters = [process(items) for _ in range(4)]
    start_waiting(items, getters, "get")
    for getter in getters[:-1]:
        getter.kill()
    wait_until(lambda: count_reachable_waiters(items) == 1)
    items.put("x")
    assert getters[-1].result(timeout=1 + SLACK) == "x"


@KINDS
def test_item_granted_to_a_killed_getter_goes_to_the_next(ctx: Context, process: Process, kind: str) -> None:
    items = getattr(ctx, kind)()
    first, second = process(items), process(items)
    start_waiting(items, [first, second], "get")
    first.signal(signal.SIGSTOP)
    items.put("x")
    assert len(holders(items)) == 1, "granted to the first, which is paused"
    assert second.blocked()
    first.kill()
    assert second.result(timeout=1 + SLACK) == "x"


@KINDS
def test_paused_getter_is_skipped_and_gets_a_later_item(ctx: Context, process: Process, kind: str) -> None:
    items = getattr(ctx, kind)()
    first, second = process(items), process(items)
    start_waiting(items, [first, second], "get")
    first.signal(signal.SIGSTOP)
    items.put("x")
    assert second.result(timeout=1 + SLACK) == "x"
    first.signal(signal.SIGCONT)
    wait_until(lambda: count_waiters(items) == 1)
    assert first.blocked()
    items.put("y")
    assert first.result() == "y"


def test_third_getter_is_served_although_two_before_it_are_paused(ctx: Context, process: Process) -> None:
    """The second should have checked when the first did not fetch the item; the third does a lease later at most."""
    tasks = ctx.JoinableQueue(lease=1.0)
    getters = [process(tasks) for _ in range(3)]
    start_waiting(tasks, getters, "get")
    for getter in getters[:2]:
        getter.signal(signal.SIGSTOP)
    tasks.put("x")
    assert getters[2].result(timeout=1.0 + 2 * 0.5 + 1 + SLACK) == "x"


@pytest.mark.parametrize("notified", [False, True])
def test_killed_putter_does_not_use_up_a_slot(ctx: Context, process: Process, notified: bool) -> None:
    items = ctx.Queue(1)
    items.put("first")
    killed, other = process(items), process(items)
    start_waiting(items, [killed], "put", "never")
    other.begin("put", "second")
    wait_until(lambda: count_putters(items) == 2)
    killed.signal(signal.SIGSTOP) if notified else killed.kill()
    assert items.get() == "first"
    if notified:
        killed.kill()
    assert other.result(timeout=1 + SLACK) is None
    assert items.get() == "second"
    assert items.empty()


def test_killed_getter_of_a_full_queue_changes_neither_item_nor_slots(ctx: Context, process: Process) -> None:
    items = ctx.Queue(1)
    first, second = process(items), process(items)
    start_waiting(items, [first, second], "get")
    first.signal(signal.SIGSTOP)
    items.put("x")
    assert items.full()
    first.kill()
    assert second.result(timeout=1 + SLACK) == "x"
    items.put("y", timeout=SLACK)
    assert items.full()


def test_item_of_a_killed_consumer_returns_to_the_front(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(lease=0.5)
    for number in range(3):
        tasks.put(number)
    consumer = process(tasks)
    assert consumer.call("get") == 0
    assert tasks.qsize() == 2
    consumer.kill()
    wait_until(lambda: tasks.qsize() == 3, timeout=0.5 + SLACK)
    assert [tasks.get() for _ in range(3)] == [0, 1, 2]


def test_all_items_of_a_killed_consumer_return(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(3, lease=0.5)
    for number in range(3):
        tasks.put(number)
    consumer = process(tasks)
    for number in range(3):
        assert consumer.call("get") == number
        tasks.put(3 + number)
    consumer.kill()
    wait_until(lambda: tasks.qsize() == 6, timeout=0.5 + SLACK)
    assert tasks.full(), "it holds more than maxsize, so a put must wait"
    items_got = [tasks.get() for _ in range(6)]
    assert sorted(items_got[:3]) == [0, 1, 2]
    assert items_got[3:] == [3, 4, 5]
    tasks.put("fits again", timeout=SLACK)


def test_waiting_getter_gets_the_item_of_a_killed_consumer_when_its_lease_ends(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(lease=1.0)
    tasks.put("task")
    consumer, waiter, joiner = process(tasks), process(tasks), process(tasks)
    assert consumer.call("get") == "task"
    start_waiting(tasks, [waiter], "get")
    start_waiting(tasks, [joiner], "join")
    consumer.kill()
    assert waiter.result(timeout=1.0 + 0.5 + SLACK) == "task"
    assert joiner.blocked()
    waiter.call("task_done")
    assert joiner.result() is None


@pytest.mark.slow
def test_consumer_keeps_its_item_for_several_leases(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(lease=1.5)
    tasks.put("task")
    consumer, waiter = process(tasks), process(tasks)
    assert consumer.call("get") == "task"
    start_waiting(tasks, [waiter], "get")
    assert waiter.blocked(3 * 1.5)
    consumer.call("task_done")
    tasks.join()


def test_task_done_raises_after_a_pause_longer_than_the_lease(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(lease=0.5)
    tasks.put("task")
    paused, joiner = process(tasks), process(tasks)
    assert paused.call("get") == "task"
    start_waiting(tasks, [joiner], "join")
    paused.signal(signal.SIGSTOP)
    assert tasks.get(timeout=0.5 + SLACK) == "task"
    paused.signal(signal.SIGCONT)
    with pytest.raises(LeaseLostError):
        paused.call("task_done")
    assert joiner.blocked(), "the item of the other consumer is still unfinished"
    tasks.task_done()
    assert joiner.result() is None
    with pytest.raises(ValueError, match="too many"):
        paused.call("task_done")


def test_consumer_paused_within_its_lease_keeps_its_item(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(lease=30)
    tasks.put("task")
    paused = process(tasks)
    assert paused.call("get") == "task"
    paused.signal(signal.SIGSTOP)
    assert tasks.empty()
    paused.signal(signal.SIGCONT)
    paused.call("task_done")
    tasks.join()


def test_killed_and_paused_joiners_delay_no_other_joiner(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue()
    tasks.put("task")
    joiners = [process(tasks) for _ in range(3)]
    start_waiting(tasks, joiners, "join")
    joiners[0].kill()
    joiners[1].signal(signal.SIGSTOP)
    tasks.get()
    tasks.task_done()
    assert joiners[2].result() is None
    joiners[1].signal(signal.SIGCONT)
    assert joiners[1].result() is None
