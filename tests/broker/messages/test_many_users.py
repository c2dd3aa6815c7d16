"""Many put and many get: every item once, each putter's in its order, and who has waited longest first."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from broker import Context
from tests.support.actors import TIMEOUT, Actors
from tests.support.server_state import count_waiters, run_command
from tests.support.waiting import wait_until

CROWD = 100
Item = tuple[int, int]


class Trade:
    """What makers put and takers get; None ends a taker."""

    def __init__(self, goods: Any) -> None:
        self.goods = goods

    def make(self, who: int, count: int) -> None:
        for number in range(count):
            self.goods.put((who, number))

    def take(self) -> list[Item]:
        return list(iter(self.goods.get, None))

    def work(self) -> list[Item]:
        done = []
        while (item := self.goods.get()) is not None:
            done.append(item)
            self.goods.task_done()
        self.goods.task_done()
        return done


def in_order(taken: list[Item]) -> bool:
    return all(
        [number for who, number in taken if who == maker] == sorted(number for who, number in taken if who == maker)
        for maker in {who for who, _ in taken}
    )


@pytest.mark.parametrize("maxsize", [0, 1, 5])
def test_processes_put_and_get_every_item_once(ctx: Context, actors: Actors, maxsize: int) -> None:
    trade = Trade(ctx.Queue(maxsize))
    makers, takers = [actors.process(ctx, trade) for _ in range(4)], [actors.process(ctx, trade) for _ in range(4)]
    for taker in takers:
        taker.begin("take")
    for who, maker in enumerate(makers):
        maker.begin("make", who, 100)
    for maker in makers:
        maker.result()
    for _ in takers:
        trade.goods.put(None)
    shares = [taker.result() for taker in takers]
    assert all(in_order(share) for share in shares)
    assert sorted(item for share in shares for item in share) == [(who, n) for who in range(4) for n in range(100)]
    assert trade.goods.qsize() == 0


def test_tasks_of_workers_that_are_killed_are_all_done(ctx: Context, actors: Actors) -> None:
    trade = Trade(ctx.JoinableQueue(lease=1.0))
    workers = [actors.process(ctx, trade) for _ in range(4)]
    trade.make(0, 200)
    for worker in workers:
        worker.begin("work")
    for worker in workers[:2]:
        worker.kill()
    trade.goods.join()
    assert trade.goods.qsize() == 0
    for _ in workers[2:]:
        trade.goods.put(None)
    shares = [worker.result() for worker in workers[2:]]
    assert len({item for share in shares for item in share}) == sum(map(len, shares)), "nothing was done twice by them"


def test_a_crowd_of_getters_is_served_in_turn(ctx: Context) -> None:
    items = ctx.Queue()
    got: dict[int, int] = {}

    def get(who: int) -> None:
        got[who] = items.get()

    threads = [threading.Thread(target=get, args=(who,), daemon=True) for who in range(CROWD)]
    for count, thread in enumerate(threads, 1):
        thread.start()
        wait_until(lambda: count_waiters(items) == count)  # noqa: B023 - called in this round only
    for number in range(CROWD):
        items.put(number)
        threads[number].join(TIMEOUT)
        assert got == {who: who for who in range(number + 1)}


def test_a_crowd_of_putters_is_served_in_turn(ctx: Context, actors: Actors) -> None:
    items = ctx.Queue(1)
    items.put("first")
    putters = [threading.Thread(target=items.put, args=(who,), daemon=True) for who in range(CROWD)]
    for count, putter in enumerate(putters, 1):
        putter.start()
        slots = items._keys[8]
        wait_until(lambda: run_command(items, b"ZCARD", slots) == count)  # noqa: B023 - called in this round only
    assert items.get() == "first"
    assert [items.get(timeout=TIMEOUT) for _ in putters] == list(range(CROWD))
    for putter in putters:
        putter.join(TIMEOUT)
    assert items.empty()
