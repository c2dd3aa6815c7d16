"""Following a run: each event is told soon after it was recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from lab.runtime.logs import Log
from lab.trace import Event


@contextmanager
def followed(log: Log, tell: Callable[[Event], object] | None) -> Iterator[None]:
    """Tell of each event in order while the block runs, and of the last ones before it is left.

    What `tell` raises is raised at the end of the block.
    """
    if tell is None:
        yield
        return
    over = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        following = executor.submit(_follow, log, tell, over)
        try:
            yield
        finally:
            over.set()
        following.result()


def _follow(log: Log, tell: Callable[[Event], object], over: threading.Event) -> None:
    for event in log.follow(over.is_set):
        tell(event)
