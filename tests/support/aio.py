"""What tests of asyncio's classes share; each test runs a loop of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from broker import aio
from tests.support.actors import TIMEOUT


def run_with_context(url: str, main: Callable[[aio.Context], Awaitable[Any]]) -> Any:
    """Run `main` in a new loop with a context for `url`; fail if the loop reports an error that nobody handled."""
    reported: list[dict[str, Any]] = []

    async def run() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, report: reported.append(report))
        async with aio.get_context(url) as ctx:
            return await asyncio.wait_for(main(ctx), TIMEOUT)

    result = asyncio.run(run())
    assert not reported
    return result


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait for a condition that can only be polled."""
    deadline = time.monotonic() + TIMEOUT
    while not await condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        await asyncio.sleep(0.005)


async def waiting(handle: Any, count: int) -> None:
    """Wait until so many wait for a permit or an item."""

    async def enough() -> bool:
        return len(await handle.waiters()) == count

    await until(enough)
