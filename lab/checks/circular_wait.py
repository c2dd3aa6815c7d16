"""Threads that wait for each other in a circle, in a snapshot of the primitives on a server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from broker import Holder, PrimitiveInfo, Waiter

Thread: TypeAlias = "tuple[str, int, int]"  # host, process id, thread id


class Wait(NamedTuple):
    """A thread that waits for `wanted`, which the thread of the next wait in the circle holds."""

    waiter: Waiter
    wanted: PrimitiveInfo


def circular_wait(primitives: Iterable[PrimitiveInfo]) -> list[Wait]:
    """Return waits of which each is for what the thread of the next one holds, and the last for the first's.

    It is empty if there is no circle. Only primitives with a single permit count: of several, another holder may
    release one. None of these waits ends, unless it has a timeout, or a thread releases what another one of its process
    holds.
    """
    exclusive = [each for each in primitives if each.capacity == 1 and each.items is None and len(each.holders) == 1]
    waits = {_thread(waiter): Wait(waiter, each) for each in exclusive for waiter in each.waiters}
    for start in sorted(waits):
        path: list[Thread] = []
        thread = start
        while thread in waits and thread not in path:
            path.append(thread)
            thread = _thread(waits[thread].wanted.holders[0])
        if thread in path:
            return [waits[each] for each in path[path.index(thread) :]]
    return []


def _thread(requester: Holder | Waiter) -> Thread:
    return requester.host, requester.pid, requester.thread
