"""An event for the tasks of an event loop."""

from __future__ import annotations

from broker.aio.handle import Handle, Owner
from broker.engine.flag_wait import parse_flag
from broker.engine.holders import Waiter, parse_event_waiters
from broker.locks import event


class Event(Handle[event.Event]):
    """`asyncio.Event` over Redis: a flag that tasks, threads and processes set, clear and wait for.

    Whoever is waiting when `set` is called returns True, even if `clear` follows at once. Unlike asyncio's, all methods
    are coroutines, since they need the server.
    """

    _blocking_class = event.Event

    def __init__(self, name: str | None = None, *, context: Owner) -> None:
        super().__init__(name, context)

    async def is_set(self) -> bool:
        """Return whether the flag is set now."""
        flag, _ = await self._ask(parse_flag, self._blocking._read_script)
        return flag

    async def set(self) -> None:
        """Set the flag and wake all waiters."""
        await self._run(self._blocking._set_script)

    async def clear(self) -> None:
        """Clear the flag; whoever was waiting when it was set still returns True."""
        await self._run(self._blocking._clear_script)

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set; return True, or False if it is not set within `timeout` seconds."""
        return await self._drive(lambda client: self._blocking._wait(client, timeout))

    async def waiters(self) -> list[Waiter]:
        """Return who has been waiting for a second or longer, the first one first; this changes nothing.

        A waiter that was killed or cancelled is listed for up to 15 seconds.
        """
        return await self._ask(parse_event_waiters, self._blocking._waiters_script)
