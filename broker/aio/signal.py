"""Something that happens once, for which any number of tasks wait."""

from __future__ import annotations

import asyncio
import copy

import redis


class Signal:
    """Is set once, perhaps with an error; tasks go on in the order in which they have come, also after it was set."""

    def __init__(self) -> None:
        self._is_set = False
        self._error: redis.RedisError | None = None
        self._waiting: dict[asyncio.Future[None], None] = {}  # in order of arrival, until they go on

    @property
    def is_set(self) -> bool:
        """Whether it has happened."""
        return self._is_set

    @property
    def is_passed(self) -> bool:
        """Whether it has happened, and all who waited for it have gone on."""
        return self._is_set and not self._waiting

    def set(self, error: redis.RedisError | None = None) -> None:
        """Let all go on, or raise `error`."""
        self._is_set, self._error = True, error
        for waiting in self._waiting:
            _wake(waiting)

    async def wait(self, timeout: float) -> None:
        """Wait until it is set; raise its error, or redis-py's `TimeoutError` after `timeout` seconds."""
        if not self.is_passed:
            await self._wait(timeout)
        if not self._is_set:
            raise redis.TimeoutError("no reply in time")
        if self._error is not None:
            raise copy.copy(self._error) from self._error  # each task has a traceback of its own

    async def _wait(self, timeout: float) -> None:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[None] = loop.create_future()
        self._waiting[waiting] = None
        if self._is_set:
            loop.call_soon(_wake, waiting)  # not at once: to await what is done already would overtake the others
        timer = loop.call_later(timeout, _wake, waiting)
        try:
            await waiting
        finally:
            timer.cancel()
            del self._waiting[waiting]


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
