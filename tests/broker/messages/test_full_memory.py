"""A queue that has filled the server's memory can be emptied."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from broker import BrokerError, Context
from broker.messages.queues import JoinableQueue, Queue
from tests.support.server_state import run_command
from tests.support.servers import Server

ITEM = b"x" * 200_000
KINDS = pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])
SIZES = pytest.mark.parametrize("maxsize", [0, 1000])


@pytest.fixture
def small(folder: Path) -> Iterator[Context]:
    """A context at a server whose memory is soon full."""
    with Server(folder, maxmemory="16mb") as server, Context(server.url) as context:
        yield context


def fill(items: Queue) -> int:
    """Put items until the server's memory is full; return how many were put."""
    count = 0
    with suppress(BrokerError):
        while True:
            items.put(ITEM)
            count += 1
    with pytest.raises(BrokerError, match="OOM"):
        items.put(ITEM)
    return count


@KINDS
@SIZES
def test_full_server_can_be_emptied(small: Context, kind: str, maxsize: int) -> None:
    items = getattr(small, kind)(maxsize)
    count = fill(items)
    assert count > 10
    for _ in range(count):
        assert items.get_nowait() == ITEM
        if isinstance(items, JoinableQueue):
            items.task_done()
    assert items.empty()
    items.put("there is room again")
    assert items.get() == "there is room again"


def test_put_that_a_full_server_refuses_changes_nothing(small: Context) -> None:
    items = small.Queue(1000)
    count = fill(items)
    assert items.qsize() == count
    while not items.empty():
        items.get()
    with pytest.raises(queue.Empty):
        items.get_nowait()
    assert int(run_command(items, b"HGET", items._keys[7], b"capacity")) == 1000
