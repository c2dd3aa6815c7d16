"""Two hundred wait: all are served, in turn, and never more at once than there are permits."""

from __future__ import annotations

import threading

import pytest
import redis

from broker import Context
from broker.locks.semaphore import Semaphore
from tests.support.actors import TIMEOUT, Actors
from tests.support.server_state import count_waiters, holders
from tests.support.waiting import wait_until

CROWD = 200


class Room:
    """Counts who is inside, on the server, where all processes see it."""

    def __init__(self, permits: Semaphore, url: str, key: str) -> None:
        self.permits = permits
        self.url = url
        self.key = key

    def visit(self, times: int) -> int:
        """Go in so often; return how many were seen inside at most."""
        most = 0
        with redis.Redis.from_url(self.url) as client:
            for _ in range(times):
                with self.permits:
                    most = max(most, int(client.incr(self.key)))
                    client.decr(self.key)
        return most


@pytest.mark.parametrize("permits", [1, 3])
def test_a_crowd_is_served_in_turn(ctx: Context, permits: int) -> None:
    semaphore = ctx.BoundedSemaphore(permits)
    inside, most, fences = [], [], {}
    guard = threading.Lock()

    def visit(number: int) -> None:
        with semaphore:
            with guard:
                fences[number] = semaphore.fence
                inside.append(number)
                most.append(len(inside))
            with guard:
                inside.remove(number)

    for _ in range(permits):
        semaphore.acquire()
    threads = [threading.Thread(target=visit, args=(number,), daemon=True) for number in range(CROWD)]
    for count, thread in enumerate(threads, 1):
        thread.start()
        wait_until(lambda: count_waiters(semaphore) == count)  # noqa: B023 - called in this round only
    for _ in range(permits):
        semaphore.release()
    for thread in threads:
        thread.join(TIMEOUT)
    assert len(fences) == CROWD, "somebody waits for ever"
    assert sorted(fences, key=fences.__getitem__) == list(range(CROWD)), "first come, first served"
    assert len(set(fences.values())) == CROWD
    assert max(most) <= permits
    assert semaphore.get_value() == permits


def test_processes_share_a_room(ctx: Context, client: redis.Redis, actors: Actors) -> None:
    room = Room(ctx.Semaphore(2), ctx.url, "inside the room")
    visitors = [actors.process(ctx, room) for _ in range(6)]
    for visitor in visitors:
        visitor.begin("visit", 25)
    assert max(visitor.result() for visitor in visitors) == 2
    assert holders(room.permits) == []
    assert room.permits.get_value() == 2
    client.delete(room.key)
