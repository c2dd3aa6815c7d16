"""Whatever one process does in whatever order, the twin answers as multiprocessing does."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import Context

ORACLE = multiprocessing.get_context()

FACTORIES: dict[str, Callable[[Any], Any]] = {
    "Lock": lambda context: context.Lock(),
    "Semaphore": lambda context: context.Semaphore(2),
    "BoundedSemaphore": lambda context: context.BoundedSemaphore(2),
    "Event": lambda context: context.Event(),
}
PERMITS = [("acquire", False), ("acquire", True, 0), ("acquire", True, -1), ("release",)]
CALLS: dict[str, list[tuple[Any, ...]]] = {
    "Lock": PERMITS,
    "Semaphore": [*PERMITS, ("get_value",)],
    "BoundedSemaphore": [*PERMITS, ("get_value",)],
    "Event": [("set",), ("clear",), ("is_set",), ("wait", 0), ("wait", -1)],
}


def answer(thing: Any, name: str, *arguments: object) -> object:
    try:
        return getattr(thing, name)(*arguments)
    except ValueError:
        return ValueError


@pytest.mark.parametrize("kind", FACTORIES)
@given(data=st.data())
def test_the_twin_answers_as_multiprocessing(ctx: Context, kind: str, data: st.DataObject) -> None:
    calls = data.draw(st.lists(st.sampled_from(CALLS[kind]), max_size=15))
    oracle, twin = FACTORIES[kind](ORACLE), FACTORIES[kind](ctx)
    assert [answer(twin, *call) for call in calls] == [answer(oracle, *call) for call in calls]
