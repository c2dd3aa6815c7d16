"""What a joinable queue promises beyond a queue, wherever it comes from."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.backends import PROCESSES, World
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until


class Desk:
    """Takes items, writes each down in a queue of finished work, and only then says that it is done."""

    def __init__(self, items: Any, finished: Any) -> None:
        self.items = items
        self.finished = finished

    def work(self) -> None:
        while (item := self.items.get()) is not None:
            self.finished.put(item)
            self.items.task_done()
        self.items.task_done()


def test_join_returns_at_once_if_nothing_is_unfinished(alone: Any) -> None:
    items = alone.JoinableQueue()
    assert items.join() is None
    items.put("x")
    items.get()
    assert items.task_done() is None
    assert items.join() is None
    assert items.join() is None


def test_more_is_done_than_there_was(alone: Any) -> None:
    items = alone.JoinableQueue()
    with pytest.raises(ValueError, match=r"."):
        items.task_done()
    items.put("x")
    items.get()
    items.task_done()
    with pytest.raises(ValueError, match=r"."):
        items.task_done()
    items.put("y")
    assert items.get() == "y", "and the queue is as it was"
    items.task_done()
    items.join()


def test_a_slot_is_free_when_its_item_is_taken_not_when_it_is_done(alone: Any) -> None:
    items = alone.JoinableQueue(1)
    items.put("first")
    assert items.get() == "first"
    items.put("second", timeout=TIMEOUT)
    assert items.qsize() == 1
    assert items.get() == "second"
    items.task_done()
    items.task_done()
    items.join()


def test_any_thread_may_say_that_it_is_done(alone: Any, actors: Any) -> None:
    items = alone.JoinableQueue()
    items.put("x")
    assert actors.thread(items).call("get") == "x"
    items.task_done()
    items.join()


def test_join_waits_until_every_item_is_done(world: World) -> None:
    items = world.context.JoinableQueue()
    joiner = world.actor(items)
    for number in range(2):
        items.put(number)
    joiner.begin("join")
    for number in range(2):
        assert items.get() == number
        assert joiner.blocked(0.1), "taken is not done"
        items.task_done()
    assert joiner.result() is None


def test_join_waits_for_what_is_put_meanwhile(world: World) -> None:
    items = world.context.JoinableQueue()
    joiner = world.actor(items)
    items.put("first")
    joiner.begin("join")
    items.get()
    items.put("second")
    items.task_done()
    assert joiner.blocked(0.1)
    items.get()
    items.task_done()
    assert joiner.result() is None


def test_all_who_join_go_on(world: World) -> None:
    items = world.context.JoinableQueue()
    joiners = [world.actor(items) for _ in range(3)]
    items.put("x")
    for joiner in joiners:
        joiner.begin("join")
        assert joiner.blocked(0.05)
    items.get()
    items.task_done()
    assert [joiner.result() for joiner in joiners] == [None, None, None]


def test_a_queue_may_be_joined_again(world: World) -> None:
    items = world.context.JoinableQueue()
    joiner = world.actor(items)
    for number in range(2):
        items.put(number)
        joiner.begin("join")
        assert joiner.blocked(0.05)
        items.get()
        items.task_done()
        assert joiner.result() is None


def test_join_returns_when_the_work_of_all_is_done(world: World) -> None:
    items, finished = world.context.JoinableQueue(), world.context.Queue()
    workers = [world.actor(Desk(items, finished)) for _ in range(3)]
    for worker in workers:
        worker.begin("work")
    for number in range(30):
        items.put(number)
    items.join()
    assert sorted(finished.get(timeout=TIMEOUT) for _ in range(30)) == list(range(30))
    for _ in workers:
        items.put(None)
    items.join()
    for worker in workers:
        worker.result()


def test_who_may_say_that_it_is_done(world: World) -> None:
    items = world.context.JoinableQueue()
    other = world.actor(items)
    items.put("x")
    assert items.get() == "x"
    if world.differs("who may say that it is done") and world.actor_kind != "threads":
        with pytest.raises(ValueError, match=r"."):
            other.call("task_done")
        items.task_done()
    else:
        other.call("task_done")
    items.join()


def test_what_nobody_has_taken_may_be_done(world: World) -> None:
    items = world.context.JoinableQueue()
    items.put("x")
    if world.differs("who may say that it is done"):
        with pytest.raises(ValueError, match=r"."):
            items.task_done()
        assert items.get() == "x"
    items.task_done()
    items.join()


@pytest.mark.parametrize("world", PROCESSES, indirect=True)
def test_what_a_killed_process_had_taken(world: World) -> None:
    items = world.context.JoinableQueue(lease=0.5) if world.twin else world.context.JoinableQueue()
    taker, joiner = world.actor(items), world.actor(items)
    for number in range(2):
        items.put(number)
    wait_until(lambda: not items.empty())
    assert taker.call("get") == 0
    taker.kill()
    joiner.begin("join")
    if world.differs("taken by a killed process"):
        assert [items.get(timeout=TIMEOUT) for _ in range(2)] in ([0, 1], [1, 0])
        items.task_done()
        items.task_done()
        assert joiner.result() is None
    else:
        assert items.get(timeout=TIMEOUT) == 1
        items.task_done()
        assert joiner.blocked(0.5)
