"""Many waiters: all are served in order, and never more at once than there are permits."""

from __future__ import annotations

import threading

import pytest
import redis

from broker import Context
from broker.locks.semaphore import Semaphore
from tests.support.actors import TIMEOUT, Actors
from tests.support.server_state import count_waiters, holders
from tests.support.waiting import wait_until

WAITERS = 200


class CriticalSection:
    """A section that permits protect; a counter on the server shows how many processes are inside."""

    def __init__(self, permits: Semaphore, url: str, key: str) -> None:
        self.permits = permits
        self.url = url
        self.key = key

    def enter(self, times: int) -> int:
        """Enter so many times; return the highest count that was seen."""
        most = 0
        with redis.Redis.from_url(self.url) as client:
            for _ in range(times):
                with self.permits:
                    most = max(most, int(client.incr(self.key)))
                    client.decr(self.key)
        return most


@pytest.mark.parametrize("permits", [1, 3])
def test_waiters_are_served_first_come_first_served(ctx: Context, permits: int) -> None:
    semaphore = ctx.BoundedSemaphore(permits)
    inside, most, fences = [], [], {}
    mutex = threading.Lock()

    def enter(number: int) -> None:
        with semaphore:
            with mutex:
                fences[number] = semaphore.fence
                inside.append(number)
                most.append(len(inside))
            with mutex:
                inside.remove(number)

    for _ in range(permits):
        semaphore.acquire()
    threads = [threading.Thread(target=enter, args=(number,), daemon=True) for number in range(WAITERS)]
    for count, thread in enumerate(threads, 1):
        thread.start()
        wait_until(lambda: count_waiters(semaphore) == count)  # noqa: B023 - called in this round only
    for _ in range(permits):
        semaphore.release()
    for thread in threads:
        thread.join(TIMEOUT)
    assert len(fences) == WAITERS, "a waiter was never served"
    assert sorted(fences, key=fences.__getitem__) == list(range(WAITERS)), "first come, first served"
    assert len(set(fences.values())) == WAITERS
    assert max(most) <= permits
    assert semaphore.get_value() == permits


def test_at_most_as_many_processes_inside_as_permits(ctx: Context, client: redis.Redis, actors: Actors) -> None:
    section = CriticalSection(ctx.Semaphore(2), ctx.url, "processes inside")
    processes = [actors.process(ctx, section) for _ in range(6)]
    for process in processes:
        process.begin("enter", 25)
    assert max(process.result() for process in processes) == 2
    assert holders(section.permits) == []
    assert section.permits.get_value() == 2
    client.delete(section.key)
