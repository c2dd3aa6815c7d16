"""Sessions: what the tasks of an event loop share at a server."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import weakref
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from broker.aio.connection import Connection
from broker.aio.driving import abandon, drive, interrupt
from broker.aio.lease_renewer import LeaseRenewer
from broker.aio.messages import MessageWire
from broker.aio.requests import RequestWire
from broker.aio.wire import SharedWire, WireOpener
from broker.engine.lease import Holdings
from broker.engine.operations import Client, Clock, Operation, Steps
from broker.engine.session import RENEWAL_TIMEOUT, REPLY_TIMEOUT, prepare_request
from broker.transport.address import split_keeper
from broker.transport.connection import new_client_id

CLOSE_TIMEOUT = 2.0  # seconds in which requests that withdraw what was cancelled are sent when a session is closed

T = TypeVar("T")


class Session:
    """One wire for requests and one for messages, and the leases that the tasks of the running loop hold."""

    def __init__(self, url: str, reply_timeout: float = REPLY_TIMEOUT) -> None:
        self.closed = False  # whether no call may begin any more
        self._ended = False
        self.contexts: weakref.WeakSet[object] = weakref.WeakSet()  # those that are still open
        self.client_id = new_client_id()
        self.channel = b"broker:" + self.client_id
        self.request_numbers = itertools.count(1)
        self.requests = SharedWire(WireOpener(url), RequestWire, reply_timeout)
        self.messages = SharedWire(WireOpener(url), partial(MessageWire, self.channel), reply_timeout)
        self._loop = asyncio.get_running_loop()
        self._reply_timeout = reply_timeout
        self._renewer = LeaseRenewer(self._loop, self)
        self.holdings = Holdings(self._renewer, self._current_task_number)
        self._task_numbers = itertools.count(1)
        self._numbered_tasks: weakref.WeakKeyDictionary[asyncio.Task[Any], int] = weakref.WeakKeyDictionary()
        self._call_numbers = itertools.count(1)
        self._free_call_numbers: list[int] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, make_steps: Callable[[Client], Steps[T]]) -> T:
        """Drive the steps that are made for a client of this session, and return what they return.

        If the calling task is cancelled, this raises `CancelledError` at once, and what the steps have begun is undone
        in the background.
        """
        prepare_request()
        return await self._drive(make_steps, self._reply_timeout)

    async def run_to_end(self, make_steps: Callable[[Client], Steps[T]]) -> T:
        """Drive steps as `run` does; but if the calling task is cancelled, this raises when they have ended."""
        prepare_request()
        return await self._drive(make_steps, self._reply_timeout, to_end=True)

    async def run_renewal(self, make_steps: Callable[[Clock], Steps[T]]) -> T:
        """Drive steps that renew or withdraw a lease."""
        return await self._drive(make_steps, min(RENEWAL_TIMEOUT, self._reply_timeout))

    def spawn(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine as a task of its own; `close` waits for it, and when it has waited, none is run any more."""
        self._spawn(coroutine)

    def _spawn(self, coroutine: Coroutine[Any, Any, object]) -> asyncio.Task[object] | None:
        if self._ended:
            coroutine.close()
            return None
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Stop renewing and close both wires; what the tasks hold becomes free when its leases expire."""
        self.closed = True
        self._renewer.stop()
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT)
        finally:
            self._ended = True
            for task in self._tasks:
                task.cancel()
            self.requests.close()
            self.messages.close()

    def close_inherited(self) -> None:
        """Close both sockets in a forked child."""
        for wire in (self.requests.current, self.messages.current):
            if wire is not None:
                wire.close_inherited()

    async def _drive(self, make_steps: Callable[..., Steps[T]], reply_timeout: float, to_end: bool = False) -> T:
        numbers = self._free_call_numbers
        connection = Connection(self, numbers.pop() if numbers else next(self._call_numbers), reply_timeout)
        steps = make_steps(connection)
        undoing: asyncio.Task[object] | None = None  # which is going to release the connection
        try:
            return await drive(steps, connection)
        except (asyncio.CancelledError, GeneratorExit) as error:
            operation = interrupt(steps, error)
            if operation is not None and not self._loop.is_closed():
                undoing = self._spawn(self._undo(steps, operation, connection))
            if undoing is None:
                abandon(steps)
            elif to_end and isinstance(error, asyncio.CancelledError):
                await _completed(undoing)
            raise
        finally:
            if undoing is None:
                self._release(connection)

    async def _undo(self, steps: Steps[Any], operation: Operation, connection: Connection) -> None:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await drive(steps, connection, operation)
        abandon(steps)  # if this task was cancelled, too
        self._release(connection)

    def _release(self, connection: Connection) -> None:
        connection.close()
        if not connection.is_retired:
            self._free_call_numbers.append(connection.number)

    def _current_task_number(self) -> int:
        # Not its id, which a later task can have: that one would own what the task has left behind.
        task = asyncio.current_task()
        if task is None:
            return 0
        number = self._numbered_tasks.get(task)
        if number is None:
            self._numbered_tasks[task] = number = next(self._task_numbers)
        return number


async def _completed(task: asyncio.Task[object]) -> None:
    """Wait until `task` is done, however often this one is cancelled meanwhile."""
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait((task,))


_sessions: dict[asyncio.AbstractEventLoop, dict[str, Session]] = {}


def get_session(url: str) -> Session:
    """Return the running loop's session at `url`; create it if there is none."""
    address, _ = split_keeper(url)
    session = _sessions.get(asyncio.get_running_loop(), {}).get(address)
    return session if session is not None and not session.closed else register_session(address)


def register_session(url: str, reply_timeout: float = REPLY_TIMEOUT) -> Session:
    """Return a new session; from now on it is the running loop's session at `url`."""
    for loop in list(_sessions):
        if loop.is_closed():
            _sessions.pop(loop, None)
    sessions = _sessions.setdefault(asyncio.get_running_loop(), {})
    sessions[url] = session = Session(url, reply_timeout)
    return session


async def leave_session(url: str, context: object) -> None:
    """Close the running loop's session at `url`, if there is one and no other context uses it."""
    session = _sessions.get(asyncio.get_running_loop(), {}).get(split_keeper(url)[0])
    if session is not None:
        session.contexts.discard(context)
        if not session.contexts:
            await session.close()


def _close_inherited_sessions() -> None:
    for sessions in _sessions.values():
        for session in sessions.values():
            session.closed = True
            session.close_inherited()
    _inherited_sessions.append(dict(_sessions))  # freed, they would copy the memory that parent and child share
    _sessions.clear()


_inherited_sessions: list[object] = []

os.register_at_fork(after_in_child=_close_inherited_sessions)
