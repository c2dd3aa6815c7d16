"""Locks, semaphores and events: any sequence of calls by one process returns what multiprocessing returns."""

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


def outcome_of(handle: Any, name: str, *arguments: object) -> object:
    try:
        return getattr(handle, name)(*arguments)
    except ValueError:
        return ValueError


@pytest.mark.parametrize("kind", FACTORIES)
@given(data=st.data())
def test_any_sequence_of_calls_returns_what_multiprocessing_returns(
    ctx: Context, kind: str, data: st.DataObject
) -> None:
    calls = data.draw(st.lists(st.sampled_from(CALLS[kind]), max_size=15))
    oracle, ours = FACTORIES[kind](ORACLE), FACTORIES[kind](ctx)
    assert [outcome_of(ours, *call) for call in calls] == [outcome_of(oracle, *call) for call in calls]
