"""Whatever one process does with a queue, in whatever order, the twin answers as multiprocessing does."""

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


class Counted:
    """A queue and what is known to be in it, so that no call waits and no feeder thread is overtaken."""

    def __init__(self, items: Any) -> None:
        self.items = items
        self.inside = self.taken = 0

    def answer(self, name: str, *arguments: object) -> object:
        waits_for_ever = name == "get" and not arguments and not self.inside
        nobody_took_it = name == "task_done" and not self.taken  # there the twin knowingly differs
        if waits_for_ever or nobody_took_it:
            return None
        try:
            outcome = getattr(self.items, name)(*arguments)
        except (queue.Empty, queue.Full) as error:
            return type(error)
        self.inside += (name == "put") - (name == "get")
        self.taken += (name == "get") - (name == "task_done")
        wait_until(lambda: self.items.empty() == (not self.inside))
        return outcome


@pytest.mark.parametrize("kind", FACTORIES)
@given(data=st.data())
def test_the_twin_answers_as_multiprocessing(ctx: Context, kind: str, data: st.DataObject) -> None:
    calls = data.draw(st.lists(st.sampled_from(CALLS[kind]), max_size=15))
    oracle, twin = Counted(FACTORIES[kind](ORACLE)), Counted(FACTORIES[kind](ctx))
    assert [twin.answer(*call) for call in calls] == [oracle.answer(*call) for call in calls]
