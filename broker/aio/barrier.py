"""A barrier for the tasks of an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from broker import errors
from broker.aio.handle import Handle, Owner
from broker.engine.holders import Waiter
from broker.engine.leased_handle import DEFAULT_LEASE
from broker.errors import UnsupportedError
from broker.locks import barrier

B = TypeVar("B", bound="Barrier")

if TYPE_CHECKING:
    _AsyncioError = RuntimeError
else:
    _AsyncioError = getattr(asyncio, "BrokenBarrierError", RuntimeError)  # Python 3.10 has no asyncio.Barrier


class BrokenBarrierError(errors.BrokenBarrierError, _AsyncioError):
    """Raised in all parties of a barrier that is broken or reset; it is both asyncio's exception and the threads'."""


class Barrier(Handle[barrier.Barrier]):
    """`asyncio.Barrier` over Redis: `parties` tasks, threads and processes wait until all of them have arrived.

    `wait` returns a different number from 0 to `parties` - 1 in each of them. Each party waits under a lease of `lease`
    seconds, which its loop renews; if its process is killed, the barrier is broken when the lease expires, and
    `BrokenBarrierError` names it in all parties.

        async with barrier as number:
            print("all have arrived")

    The first call raises `MismatchError` if the name has another number of parties already. Unlike asyncio's,
    `n_waiting` and `broken` are to be awaited, since they need the server.
    """

    _blocking_class = barrier.Barrier

    def __init__(self, parties: int, *, name: str | None = None, lease: float = DEFAULT_LEASE, context: Owner) -> None:
        super().__init__(name, context, parties=parties, lease=lease)

    @classmethod
    def of(cls: type[B], blocking: barrier.Barrier) -> B:
        """Return a handle for the same barrier as `blocking`, which must have no action."""
        made = super().of(blocking)
        if blocking._action is not None:
            raise UnsupportedError(f"{blocking!r} has an action, which a barrier of broker.aio cannot run")
        return made

    @property
    def parties(self) -> int:
        """How many parties the barrier waits for."""
        return self._blocking.parties

    @property
    def n_waiting(self) -> Coroutine[Any, Any, int]:
        """How many parties wait now, to be awaited."""
        return self._count_waiting()

    @property
    def broken(self) -> Coroutine[Any, Any, bool]:
        """Whether the barrier is broken now, to be awaited."""
        return self._is_broken()

    async def wait(self, timeout: float | None = None) -> int:
        """Wait until all parties have arrived; return this one's number.

        If the task is cancelled, it leaves, and another party can take its place, as in asyncio. Raises
        `BrokenBarrierError` if the barrier is or becomes broken, or is reset; if not all parties come within `timeout`
        seconds, this breaks it.
        """
        holdings, deadline = self._get_session().holdings, self._blocking._deadline(timeout)
        try:
            arrival = await self._drive(lambda client: self._blocking._arrive(holdings, client, deadline))
        except errors.BrokenBarrierError as error:
            raise BrokenBarrierError(str(error)) from error.__cause__
        return arrival.place

    async def abort(self) -> None:
        """Break the barrier: parties that wait, and those that come before `reset`, get `BrokenBarrierError`."""
        await self._drive(self._blocking._abort)

    async def reset(self) -> None:
        """Begin anew, with no parties and not broken; parties that wait get `BrokenBarrierError`."""
        await self._run(self._blocking._bind_script(barrier.RESET))

    async def waiters(self) -> list[Waiter]:
        """Return which parties wait, the one that arrived first at the head."""
        return (await self._read())[2]

    async def open(self) -> None:
        """Create it on the server unless it exists; raise `MismatchError` if it exists with other parties."""
        await self._read()

    async def __aenter__(self) -> int:
        return await self.wait()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def _read(self) -> tuple[int, bool, list[Waiter]]:
        return await self._ask(barrier.parse_state, self._blocking._bind_script(barrier.READ))

    async def _count_waiting(self) -> int:
        return (await self._read())[0]

    async def _is_broken(self) -> bool:
        return (await self._read())[1]
