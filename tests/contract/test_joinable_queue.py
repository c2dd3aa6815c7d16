"""What every joinable queue promises beyond a queue, multiprocessing's and the broker's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.backends import PROCESSES, Backend
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until


class Consumer:
    """Gets items, puts each into a queue of finished items, and then calls task_done()."""

    def __init__(self, items: Any, finished: Any) -> None:
        self.items = items
        self.finished = finished

    def consume(self) -> None:
        while (item := self.items.get()) is not None:
            self.finished.put(item)
            self.items.task_done()
        self.items.task_done()


def test_join_returns_at_once_if_nothing_is_unfinished(context: Any) -> None:
    items = context.JoinableQueue()
    assert items.join() is None
    items.put("x")
    items.get()
    assert items.task_done() is None
    assert items.join() is None
    assert items.join() is None


def test_too_many_task_done_calls_raise(context: Any) -> None:
    items = context.JoinableQueue()
    with pytest.raises(ValueError, match=r"."):
        items.task_done()
    items.put("x")
    items.get()
    items.task_done()
    with pytest.raises(ValueError, match=r"."):
        items.task_done()
    items.put("y")
    assert items.get() == "y", "the queue still works"
    items.task_done()
    items.join()


def test_get_frees_the_slot_before_task_done(context: Any) -> None:
    items = context.JoinableQueue(1)
    items.put("first")
    assert items.get() == "first"
    items.put("second", timeout=TIMEOUT)
    assert items.qsize() == 1
    assert items.get() == "second"
    items.task_done()
    items.task_done()
    items.join()


def test_another_thread_can_call_task_done(context: Any, actors: Any) -> None:
    items = context.JoinableQueue()
    items.put("x")
    assert actors.thread(items).call("get") == "x"
    items.task_done()
    items.join()


def test_join_blocks_until_every_item_is_done(backend: Backend) -> None:
    items = backend.context.JoinableQueue()
    joiner = backend.actor(items)
    for number in range(2):
        items.put(number)
    joiner.begin("join")
    for number in range(2):
        assert items.get() == number
        assert joiner.blocked(0.1), "the item is taken but not done"
        items.task_done()
    assert joiner.result() is None


def test_join_waits_for_items_put_meanwhile(backend: Backend) -> None:
    items = backend.context.JoinableQueue()
    joiner = backend.actor(items)
    items.put("first")
    joiner.begin("join")
    items.get()
    items.put("second")
    items.task_done()
    assert joiner.blocked(0.1)
    items.get()
    items.task_done()
    assert joiner.result() is None


def test_all_joiners_return(backend: Backend) -> None:
    items = backend.context.JoinableQueue()
    joiners = [backend.actor(items) for _ in range(3)]
    items.put("x")
    for joiner in joiners:
        joiner.begin("join")
        assert joiner.blocked(0.05)
    items.get()
    items.task_done()
    assert [joiner.result() for joiner in joiners] == [None, None, None]


def test_queue_can_be_joined_again(backend: Backend) -> None:
    items = backend.context.JoinableQueue()
    joiner = backend.actor(items)
    for number in range(2):
        items.put(number)
        joiner.begin("join")
        assert joiner.blocked(0.05)
        items.get()
        items.task_done()
        assert joiner.result() is None


def test_join_returns_when_all_consumers_are_done(backend: Backend) -> None:
    items, finished = backend.context.JoinableQueue(), backend.context.Queue()
    workers = [backend.actor(Consumer(items, finished)) for _ in range(3)]
    for worker in workers:
        worker.begin("consume")
    for number in range(30):
        items.put(number)
    items.join()
    assert sorted(finished.get(timeout=TIMEOUT) for _ in range(30)) == list(range(30))
    for _ in workers:
        items.put(None)
    items.join()
    for worker in workers:
        worker.result()


def test_task_done_by_another_process(backend: Backend) -> None:
    items = backend.context.JoinableQueue()
    other = backend.actor(items)
    items.put("x")
    assert items.get() == "x"
    if backend.differs("who may call task_done()") and backend.actor_kind != "threads":
        with pytest.raises(ValueError, match=r"."):
            other.call("task_done")
        items.task_done()
    else:
        other.call("task_done")
    items.join()


def test_task_done_before_get(backend: Backend) -> None:
    items = backend.context.JoinableQueue()
    items.put("x")
    if backend.differs("who may call task_done()"):
        with pytest.raises(ValueError, match=r"."):
            items.task_done()
        assert items.get() == "x"
    items.task_done()
    items.join()


@pytest.mark.parametrize("backend", PROCESSES, indirect=True)
def test_item_of_killed_consumer(backend: Backend) -> None:
    items = backend.context.JoinableQueue(lease=0.5) if backend.over_redis else backend.context.JoinableQueue()
    consumer, joiner = backend.actor(items), backend.actor(items)
    for number in range(2):
        items.put(number)
    wait_until(lambda: not items.empty())
    assert consumer.call("get") == 0
    consumer.kill()
    joiner.begin("join")
    if backend.differs("killed consumer"):
        assert [items.get(timeout=TIMEOUT) for _ in range(2)] in ([0, 1], [1, 0])
        items.task_done()
        items.task_done()
        assert joiner.result() is None
    else:
        assert items.get(timeout=TIMEOUT) == 1
        items.task_done()
        assert joiner.blocked(0.5)
