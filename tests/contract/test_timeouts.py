"""What counts as a timeout, for every call that takes one."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

Call = Callable[[Any], object]


@pytest.fixture(params=["acquire", "permit", "wait", "put", "get", "poll"])
def call(request: pytest.FixtureRequest, context: Any) -> Iterator[Call]:
    """A call that waits in vain; it returns False or raises `queue.Empty` or `queue.Full` after its timeout."""
    lock, semaphore, full, (reader, writer) = context.Lock(), context.Semaphore(0), context.Queue(1), context.Pipe()
    lock.acquire()
    full.put("x")
    calls: dict[str, Call] = {
        "acquire": lambda timeout: lock.acquire(timeout=timeout),
        "permit": lambda timeout: semaphore.acquire(timeout=timeout),
        "wait": context.Event().wait,
        "put": lambda timeout: full.put("y", timeout=timeout),
        "get": lambda timeout: context.Queue().get(timeout=timeout),
        "poll": reader.poll,
    }
    yield calls[request.param]
    full.get()
    reader.close()
    writer.close()


@pytest.mark.parametrize("timeout", [Fraction(1, 100), True, False, 0, -1, float("-inf")])
def test_any_number_is_a_timeout(call: Call, timeout: Any) -> None:
    with contextlib.suppress(queue.Empty, queue.Full):
        assert call(timeout) is False


@pytest.mark.parametrize("timeout", [float("nan"), Decimal("nan"), Decimal("snan"), "1", b"1", 1j, (1,)])
def test_what_is_not_a_number_is_refused(call: Call, timeout: Any) -> None:
    with pytest.raises((ValueError, TypeError, OSError)):
        call(timeout)
