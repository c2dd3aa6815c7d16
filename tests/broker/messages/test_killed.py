"""Processes are killed or stopped while they put, get or work; nobody waits behind them, and no task is lost."""

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
def test_killed_getters_get_nothing_and_delay_nobody(ctx: Context, process: Process, kind: str) -> None:
    items = getattr(ctx, kind)()
    getters = [process(items) for _ in range(4)]
    start_waiting(items, getters, "get")
    for getter in getters[:-1]:
        getter.kill()
    wait_until(lambda: count_reachable_waiters(items) == 1)
    items.put("x")
    assert getters[-1].result(timeout=1 + SLACK) == "x"


@KINDS
def test_a_getter_killed_when_its_turn_has_come_leaves_the_item(ctx: Context, process: Process, kind: str) -> None:
    items = getattr(ctx, kind)()
    first, second = process(items), process(items)
    start_waiting(items, [first, second], "get")
    first.signal(signal.SIGSTOP)
    items.put("x")
    assert len(holders(items)) == 1, "promised to the first, who cannot know"
    assert second.blocked()
    first.kill()
    assert second.result(timeout=1 + SLACK) == "x"


@KINDS
def test_a_stopped_getter_is_passed_over_and_gets_the_next(ctx: Context, process: Process, kind: str) -> None:
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


def test_two_stopped_getters_do_not_keep_the_third_from_looking(ctx: Context, process: Process) -> None:
    """The second should have looked when the first did not fetch; the third does a lease later at most."""
    tasks = ctx.JoinableQueue(lease=1.0)
    getters = [process(tasks) for _ in range(3)]
    start_waiting(tasks, getters, "get")
    for getter in getters[:2]:
        getter.signal(signal.SIGSTOP)
    tasks.put("x")
    assert getters[2].result(timeout=1.0 + 2 * 0.5 + 1 + SLACK) == "x"


@pytest.mark.parametrize("told", [False, True])
def test_a_killed_putter_costs_no_slot(ctx: Context, process: Process, told: bool) -> None:
    items = ctx.Queue(1)
    items.put("first")
    doomed, other = process(items), process(items)
    start_waiting(items, [doomed], "put", "never")
    other.begin("put", "second")
    wait_until(lambda: count_putters(items) == 2)
    doomed.signal(signal.SIGSTOP) if told else doomed.kill()
    assert items.get() == "first"
    if told:
        doomed.kill()
    assert other.result(timeout=1 + SLACK) is None
    assert items.get() == "second"
    assert items.empty()


def test_a_killed_getter_of_a_full_queue_leaves_the_item_and_the_slots(ctx: Context, process: Process) -> None:
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


def test_a_dead_takers_task_comes_back_to_the_front(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(lease=0.5)
    for number in range(3):
        tasks.put(number)
    taker = process(tasks)
    assert taker.call("get") == 0
    assert tasks.qsize() == 2
    taker.kill()
    wait_until(lambda: tasks.qsize() == 3, timeout=0.5 + SLACK)
    assert [tasks.get() for _ in range(3)] == [0, 1, 2]


def test_several_tasks_of_a_dead_taker_all_come_back(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(3, lease=0.5)
    for number in range(3):
        tasks.put(number)
    taker = process(tasks)
    for number in range(3):
        assert taker.call("get") == number
        tasks.put(3 + number)
    taker.kill()
    wait_until(lambda: tasks.qsize() == 6, timeout=0.5 + SLACK)
    assert tasks.full(), "more than its size while they are back, and nothing more fits"
    taken = [tasks.get() for _ in range(6)]
    assert sorted(taken[:3]) == [0, 1, 2]
    assert taken[3:] == [3, 4, 5]
    tasks.put("fits again", timeout=SLACK)


def test_a_waiting_getter_has_a_dead_takers_task_when_the_lease_ends(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(lease=1.0)
    tasks.put("task")
    taker, waiter, joiner = process(tasks), process(tasks), process(tasks)
    assert taker.call("get") == "task"
    start_waiting(tasks, [waiter], "get")
    start_waiting(tasks, [joiner], "join")
    taker.kill()
    assert waiter.result(timeout=1.0 + 0.5 + SLACK) == "task"
    assert joiner.blocked()
    waiter.call("task_done")
    assert joiner.result() is None


@pytest.mark.slow
def test_a_living_taker_keeps_its_task_for_many_leases(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(lease=1.5)
    tasks.put("task")
    taker, waiter = process(tasks), process(tasks)
    assert taker.call("get") == "task"
    start_waiting(tasks, [waiter], "get")
    assert waiter.blocked(3 * 1.5)
    taker.call("task_done")
    tasks.join()


def test_a_taker_stopped_past_its_lease_is_told_by_task_done(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(lease=0.5)
    tasks.put("task")
    stopped, joiner = process(tasks), process(tasks)
    assert stopped.call("get") == "task"
    start_waiting(tasks, [joiner], "join")
    stopped.signal(signal.SIGSTOP)
    assert tasks.get(timeout=0.5 + SLACK) == "task"
    stopped.signal(signal.SIGCONT)
    with pytest.raises(LeaseLostError):
        stopped.call("task_done")
    assert joiner.blocked(), "what the other one has is not done by that"
    tasks.task_done()
    assert joiner.result() is None
    with pytest.raises(ValueError, match="too many"):
        stopped.call("task_done")


def test_a_taker_stopped_within_its_lease_keeps_its_task(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue(lease=30)
    tasks.put("task")
    stopped = process(tasks)
    assert stopped.call("get") == "task"
    stopped.signal(signal.SIGSTOP)
    assert tasks.empty()
    stopped.signal(signal.SIGCONT)
    stopped.call("task_done")
    tasks.join()


def test_killed_and_stopped_joiners_delay_nobody(ctx: Context, process: Process) -> None:
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
