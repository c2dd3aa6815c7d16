"""Queues: any sequence of calls by one process returns what multiprocessing returns."""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import Context
from tests.support.waiting import wait_until

ORACLE = multiprocessing.get_context()

FACTORIES: dict[str, Callable[[Any], Any]] = {
    "SimpleQueue": lambda context: context.SimpleQueue(),
    "Queue": lambda context: context.Queue(2),
    "JoinableQueue": lambda context: context.JoinableQueue(2),
}
SIZED = [("put", 1, False), ("put", 2, True, 0), ("get", False), ("get", True, -1), ("qsize",), ("empty",), ("full",)]
CALLS: dict[str, list[tuple[Any, ...]]] = {
    "SimpleQueue": [("put", 1), ("put", 2), ("get",), ("empty",)],
    "Queue": SIZED,
    "JoinableQueue": [*SIZED, ("task_done",)],
}


class CountedQueue:
    """A queue and how many items it must hold, so that no call blocks or overtakes the feeder thread."""

    def __init__(self, items: Any) -> None:
        self.items = items
        self.item_count = self.taken_count = 0

    def outcome_of(self, name: str, *arguments: object) -> object:
        would_block = name == "get" and not arguments and not self.item_count
        nothing_taken = name == "task_done" and not self.taken_count  # a documented difference
        if would_block or nothing_taken:
            return None
        try:
            outcome = getattr(self.items, name)(*arguments)
        except (queue.Empty, queue.Full) as error:
            return type(error)
        self.item_count += (name == "put") - (name == "get")
        self.taken_count += (name == "get") - (name == "task_done")
        wait_until(lambda: self.items.empty() == (not self.item_count))
        return outcome


@pytest.mark.parametrize("kind", FACTORIES)
@given(data=st.data())
def test_any_sequence_of_calls_returns_what_multiprocessing_returns(
    ctx: Context, kind: str, data: st.DataObject
) -> None:
    calls = data.draw(st.lists(st.sampled_from(CALLS[kind]), max_size=15))
    oracle, ours = CountedQueue(FACTORIES[kind](ORACLE)), CountedQueue(FACTORIES[kind](ctx))
    assert [ours.outcome_of(*call) for call in calls] == [oracle.outcome_of(*call) for call in calls]
