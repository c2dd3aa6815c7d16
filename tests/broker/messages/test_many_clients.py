"""Many producers and consumers: every item is got once and in order, and who waits longest is served first."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from broker import Context
from tests.support.actors import TIMEOUT, Actors
from tests.support.server_state import count_putters, count_waiters
from tests.support.waiting import wait_until

WAITERS = 100
Item = tuple[int, int]


class Workload:
    """A queue of items; the item None ends a consumer."""

    def __init__(self, items: Any) -> None:
        self.items = items

    def produce(self, index: int, count: int) -> None:
        for number in range(count):
            self.items.put((index, number))

    def consume(self) -> list[Item]:
        return list(iter(self.items.get, None))

    def process(self) -> list[Item]:
        processed = []
        while (item := self.items.get()) is not None:
            processed.append(item)
            self.items.task_done()
        self.items.task_done()
        return processed


def in_order(consumed: list[Item]) -> bool:
    return all(
        [number for index, number in consumed if index == producer]
        == sorted(number for index, number in consumed if index == producer)
        for producer in {index for index, _ in consumed}
    )


@pytest.mark.parametrize("maxsize", [0, 1, 5])
def test_every_item_is_consumed_once_and_in_its_producers_order(ctx: Context, actors: Actors, maxsize: int) -> None:
    workload = Workload(ctx.Queue(maxsize))
    producers = [actors.process(ctx, workload) for _ in range(4)]
    consumers = [actors.process(ctx, workload) for _ in range(4)]
    for consumer in consumers:
        consumer.begin("consume")
    for index, producer in enumerate(producers):
        producer.begin("produce", index, 100)
    for producer in producers:
        producer.result()
    for _ in consumers:
        workload.items.put(None)
    shares = [consumer.result() for consumer in consumers]
    assert all(in_order(share) for share in shares)
    assert sorted(item for share in shares for item in share) == [(index, n) for index in range(4) for n in range(100)]
    assert workload.items.qsize() == 0


def test_items_of_killed_workers_are_processed_by_others(ctx: Context, actors: Actors) -> None:
    workload = Workload(ctx.JoinableQueue(lease=1.0))
    workers = [actors.process(ctx, workload) for _ in range(4)]
    workload.produce(0, 200)
    for worker in workers:
        worker.begin("process")
    wait_until(lambda: workload.items.qsize() < 190)
    for worker in workers[:2]:
        worker.kill()
    workload.items.join()
    assert workload.items.qsize() == 0
    for _ in workers[2:]:
        workload.items.put(None)
    shares = [worker.result() for worker in workers[2:]]
    assert len({item for share in shares for item in share}) == sum(map(len, shares)), (
        "the workers that were not killed processed no item twice"
    )


def test_getters_are_served_first_come_first_served(ctx: Context) -> None:
    items = ctx.Queue()
    got: dict[int, int] = {}

    def get(index: int) -> None:
        got[index] = items.get()

    threads = [threading.Thread(target=get, args=(index,), daemon=True) for index in range(WAITERS)]
    for count, thread in enumerate(threads, 1):
        thread.start()
        wait_until(lambda: count_waiters(items) == count)  # noqa: B023 - called in this round only
    for number in range(WAITERS):
        items.put(number)
        threads[number].join(TIMEOUT)
        assert got == {index: index for index in range(number + 1)}


def test_putters_are_served_first_come_first_served(ctx: Context, actors: Actors) -> None:
    items = ctx.Queue(1)
    items.put("first")
    putters = [threading.Thread(target=items.put, args=(index,), daemon=True) for index in range(WAITERS)]
    for count, putter in enumerate(putters, 1):
        putter.start()
        wait_until(lambda: count_putters(items) == count)  # noqa: B023 - called in this round only
    assert items.get() == "first"
    assert [items.get(timeout=TIMEOUT) for _ in putters] == list(range(WAITERS))
    for putter in putters:
        putter.join(TIMEOUT)
    assert items.empty()
