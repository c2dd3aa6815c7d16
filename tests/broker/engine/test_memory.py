"""A program may have many handles: what each of them, and what it leaves in this process, weighs."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from broker import Context

MAX_WEIGHT = 2048  # bytes
COUNT = 200


def use_permit(permits: Any) -> None:
    permits.acquire()
    permits.release()


def use_event(event: Any) -> None:
    event.set()
    event.wait()
    event.clear()


def use_queue(items: Any) -> None:
    items.put("x")
    items.get()


def use_joinable(items: Any) -> None:
    use_queue(items)
    items.task_done()
    items.join()


USES: dict[str, Callable[[Any], object]] = {
    "Lock": use_permit,
    "Semaphore": use_permit,
    "BoundedSemaphore": use_permit,
    "Event": use_event,
    "SimpleQueue": use_queue,
    "Queue": use_queue,
    "JoinableQueue": use_joinable,
    "Board": lambda board: board.snapshot(),
}


def weight(create: Callable[[], Any], use: Callable[[Any], object]) -> float:
    use(create())  # what all handles share
    gc.collect()
    tracemalloc.start()
    try:
        handles = [create() for _ in range(COUNT)]
        for handle in handles:
            use(handle)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / COUNT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", USES)
def test_used_handle_is_light(ctx: Context, kind: str) -> None:
    assert weight(getattr(ctx, kind), USES[kind]) < MAX_WEIGHT


@pytest.mark.parametrize("kind", USES)
def test_unpickled_and_used_handle_is_light(ctx: Context, kind: str) -> None:
    pickles = iter([pickle.dumps(getattr(ctx, kind)()) for _ in range(COUNT + 1)])
    assert weight(lambda: pickle.loads(next(pickles)), USES[kind]) < MAX_WEIGHT
