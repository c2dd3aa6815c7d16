"""Following a run: a callback gets each event soon after it was recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from lab.runtime.event_log import EventLog
from lab.trace import Event


@contextmanager
def follow_log(log: EventLog, on_event: Callable[[Event], object] | None) -> Iterator[None]:
    """Call `on_event` in a thread with each event in order; the last calls are made before the block is left.

    What `on_event` raises is raised at the end of the block.
    """
    if on_event is None:
        yield
        return
    ended = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        follower = executor.submit(_follow, log, on_event, ended)
        try:
            yield
        finally:
            ended.set()
        follower.result()


def _follow(log: EventLog, on_event: Callable[[Event], object], ended: threading.Event) -> None:
    for event in log.follow(ended.is_set):
        on_event(event)
