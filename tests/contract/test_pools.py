"""Pools: a context's own, and the standard library's with a context."""

from __future__ import annotations

import multiprocessing.dummy
import multiprocessing.pool
import multiprocessing.queues
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from tests.support.actors import TIMEOUT

_offset: Any = None


def set_offset(offset: Any) -> None:
    global _offset
    _offset = offset


def add_offset(number: int) -> int:
    return number + int(_offset.value)


@pytest.mark.parametrize("context", ["multiprocessing", "redis"], indirect=True)
def test_processes_of_pools_use_what_the_context_has_made(context: Any) -> None:
    offset = context.Value("i", 100)
    options = {"initializer": set_offset, "initargs": (offset,)}
    with context.Pool(2, **options) as own, multiprocessing.pool.Pool(2, context=context, **options) as given:
        for pool in (own, given):
            assert pool.map_async(add_offset, range(3)).get(TIMEOUT) == [100, 101, 102]
            pool.close()
            pool.join()
    with ProcessPoolExecutor(2, mp_context=context, **options) as executor:
        assert list(executor.map(add_offset, range(3), timeout=TIMEOUT)) == [100, 101, 102]


def test_pools_of_threads_and_the_standard_librarys_queues_stay_as_they_are(context: Any) -> None:
    for make in (multiprocessing.pool.ThreadPool, multiprocessing.dummy.Pool):
        with make(2) as pool:
            assert pool.map(abs, (-1, -2)) == [1, 2]
    items: Any = multiprocessing.queues.Queue(ctx=context)
    items.put("item")
    assert items.get(timeout=TIMEOUT) == "item"
    items.close()
    items.join_thread()
