"""Contexts: they create primitives, like those of `multiprocessing.get_context`."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from multiprocessing import pool
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, ClassVar

from broker.engine.keeper import check_keeper
from broker.engine.leased_handle import DEFAULT_LEASE
from broker.engine.owner import Primitive
from broker.engine.session import drain, existing_session, get_session, leave_session
from broker.errors import ServerUnavailableError
from broker.liveness.board import DEFAULT_INTERVAL, Board
from broker.liveness.heartbeat import Heartbeat
from broker.locks.barrier import Barrier
from broker.locks.condition import Condition, ConditionLock
from broker.locks.event import Event
from broker.locks.lock import Lock
from broker.locks.rlock import RLock
from broker.locks.semaphore import BoundedSemaphore, Semaphore
from broker.managers import primitives
from broker.managers.base_manager import BaseManager
from broker.managers.stores import STORES, Stores
from broker.managers.sync_manager import SyncManager
from broker.messages.pipe import PipeConnection
from broker.messages.queues import JoinableQueue, Queue, SimpleQueue
from broker.overview.primitives import PrimitiveInfo, list_primitives
from broker.server.check import check_server
from broker.server.choice import ServerChoice
from broker.transport.scripts import BoundScript
from broker.values.factories import ValueFactories

# The standard library's pools, given a context, make their own locks and queues with it, and wait for a queue's file
# descriptor. Their processes run on this host, so they get multiprocessing's.
STANDARD_POOLS = ("multiprocessing.pool", "multiprocessing.queues", "concurrent.futures.process")


def _caller() -> str:
    """Return the name of the module from which the calling method was called."""
    return str(sys._getframe(2).f_globals.get("__name__"))


class Context(ValueFactories, BaseContext):  # type: ignore[misc]
    """Creates multiprocessing's primitives over Redis, all on one server.

    Without `url`, the server is the one that the environment names (in `LAB_REDIS_URL`, or in the file
    `LAB_REDIS_URL_FILE`), else a private server, which is started when it is first needed and runs until `close` or
    until this process ends. `method` is multiprocessing's start method for `Process`.

    `keeper` is what renews leases: a "thread" of this process, which C code that keeps the GIL delays, or also a small
    "process" beside it, which goes on. The choice is a part of `url`, so it goes with all handles to other processes.

    The methods take the arguments of multiprocessing's, and as keywords `name` and, if the primitive can be held,
    `lease` in seconds. The same name is the same primitive in any context on any host; without a name, a new primitive
    is created.
    """

    _simple_queue: ClassVar[type[SimpleQueue]] = SimpleQueue
    _queue: ClassVar[type[Queue]] = Queue
    _pipe_connection: ClassVar[type[PipeConnection]] = PipeConnection
    _joinable_queue: ClassVar[type[JoinableQueue]] = JoinableQueue
    _stores: ClassVar[Stores] = STORES
    _managed_queue: ClassVar[type[Queue]] = primitives.Queue
    _managed_joinable_queue: ClassVar[type[JoinableQueue]] = primitives.JoinableQueue

    def __init__(self, url: str | None = None, *, method: str | None = None, keeper: str = "thread") -> None:
        self._server = ServerChoice(url, check_keeper(keeper))
        self._unnamed: weakref.WeakSet[Primitive] = weakref.WeakSet()
        self._deletions: deque[BoundScript] = deque()  # of what others may use until this context is closed
        self._heartbeats: list[Heartbeat] = []
        # Each creates what a manager creates, and deletes it at its shutdown.
        self._of_managers: weakref.WeakSet[Context] = weakref.WeakSet()
        self._managers: weakref.WeakSet[BaseManager] = weakref.WeakSet()  # that have a process
        # Without a method, the one that is set when a process is started.
        local: Any = multiprocessing if method is None else multiprocessing.get_context(method)
        self.Process: type[BaseProcess] = local.Process
        self._local = local
        _contexts.add(self)

    @property
    def url(self) -> str:
        """The server's URL; a private server is started if no URL was given."""
        return self._server.url

    def check(self) -> str:
        """Return the server's name, version and address; raise what `get_context` raises."""
        return check_server(self.url)

    def Lock(self, *, name: str | None = None, lease: float = DEFAULT_LEASE) -> Lock:  # type: ignore[override]
        """Return a lock."""
        if _caller() in STANDARD_POOLS:
            return self._local.Lock()  # type: ignore[no-any-return]
        return Lock(name, lease=lease, context=self)

    def RLock(self, *, name: str | None = None, lease: float = DEFAULT_LEASE) -> RLock:  # type: ignore[override]
        """Return a lock that the thread which holds it may acquire again."""
        return RLock(name, lease=lease, context=self)

    def Condition(  # type: ignore[override]
        self, lock: ConditionLock | None = None, *, name: str | None = None, lease: float = DEFAULT_LEASE
    ) -> Condition:
        """Return a condition with this lock, or with an `RLock` of its own that has this lease."""
        return Condition(lock, name=name, lease=lease, context=self)

    def Barrier(  # type: ignore[override]
        self,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        name: str | None = None,
        lease: float = DEFAULT_LEASE,
    ) -> Barrier:
        """Return a barrier for `parties` threads, with multiprocessing's `action` and `timeout`."""
        return Barrier(parties, action, timeout, name=name, lease=lease, context=self)

    def Semaphore(  # type: ignore[override]
        self, value: int = 1, *, name: str | None = None, lease: float = DEFAULT_LEASE
    ) -> Semaphore:
        """Return a semaphore of `value` permits; raise `MismatchError` if the name has another value already."""
        return Semaphore(value, name=name, lease=lease, context=self)

    def BoundedSemaphore(  # type: ignore[override]
        self, value: int = 1, *, name: str | None = None, lease: float = DEFAULT_LEASE
    ) -> BoundedSemaphore:
        """Return a semaphore that never has more than `value` permits; raise `MismatchError` as `Semaphore` does."""
        if _caller() in STANDARD_POOLS:
            return self._local.BoundedSemaphore(value)  # type: ignore[no-any-return]
        return BoundedSemaphore(value, name=name, lease=lease, context=self)

    def Event(self, *, name: str | None = None) -> Event:  # type: ignore[override]
        """Return an event."""
        return Event(name, context=self)

    def SimpleQueue(self, *, name: str | None = None) -> SimpleQueue:  # type: ignore[override]
        """Return a queue without timeouts."""
        if _caller() in STANDARD_POOLS:
            return self._local.SimpleQueue()  # type: ignore[no-any-return]
        return self._simple_queue(name, context=self)

    def Queue(self, maxsize: int = 0, *, name: str | None = None) -> Queue:  # type: ignore[override]
        """Return a queue of at most `maxsize` items, or any number; raise `MismatchError` as `Semaphore` does."""
        return self._queue(maxsize, name=name, context=self)

    def JoinableQueue(  # type: ignore[override]
        self, maxsize: int = 0, *, name: str | None = None, lease: float = DEFAULT_LEASE
    ) -> JoinableQueue:
        """Return a queue whose items are held until they are done; raise `MismatchError` as `Semaphore` does."""
        return self._joinable_queue(maxsize, name=name, lease=lease, context=self)

    def Pipe(  # type: ignore[override]
        self, duplex: bool = True
    ) -> tuple[PipeConnection, PipeConnection]:
        """Return both ends of a pipe; without `duplex` the first can only receive, and the second only send."""
        name = uuid.uuid4().hex
        first = self._pipe_connection(self.url, name, 0, True, duplex)
        second = self._pipe_connection(self.url, name, 1, duplex, True)
        self.delete_on_close(*first.handles, *second.handles)
        return first, second

    def Manager(self) -> SyncManager:  # type: ignore[override]
        """Return a manager that is started; its containers are on the server."""
        manager = SyncManager(ctx=self)
        manager.start()
        return manager

    def copy_for_manager(self) -> Context:
        """Return a context that deletes what it has created separately; when nobody refers to it, this one does."""
        context = object.__new__(type(self))
        vars(context).update(vars(self), _unnamed=weakref.WeakSet(), _deletions=deque())
        self._of_managers.add(context)
        _contexts.add(context)
        weakref.finalize(context, self._deletions.extend, context._deletions).atexit = False
        return context

    def shut_down_on_close(self, manager: BaseManager) -> None:
        """Call the manager's `shutdown` when this context is closed."""
        self._managers.add(manager)

    def Heartbeat(self, board: Board, who: str | None = None, *, daemon: bool = True) -> Heartbeat:
        """Start to report to `board` that this process is alive; see `broker.Heartbeat`."""
        self._heartbeats.append(Heartbeat(board, who, daemon=daemon))
        return self._heartbeats[-1]

    def Pool(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
    ) -> pool.Pool:
        """Return multiprocessing's pool, whose processes run on this host."""
        local_pool: pool.Pool = self._local.Pool(processes, initializer, initargs, maxtasksperchild)
        return local_pool

    def Board(self, interval: float = DEFAULT_INTERVAL, *, name: str | None = None) -> Board:
        """Return a board; raise `MismatchError` if the name has another interval already."""
        return Board(interval, name=name, context=self)

    def primitives(self, *, busy: bool = False) -> list[PrimitiveInfo]:
        """Return all primitives on the server, of whatever program, by kind and name; this changes nothing.

        `busy` ones only: those that are held, waited for, set or not empty, and boards with names that are alive. It is
        one request for each thousand primitives. Raises `ServerUnavailableError` if the server cannot be reached.
        """
        session = get_session(self.url)
        session.contexts.add(self)
        return list_primitives(session, busy)

    def get_context(self, method: str | None = None) -> Context:  # type: ignore[override]
        """Return this context, or one on the same server with another start method."""
        return self if method is None else Context(self.url, method=method)

    def get_start_method(self, allow_none: bool = False) -> str:
        """Return this context's start method, or multiprocessing's if it has none."""
        method: str = self._local.get_start_method(allow_none)
        return method

    def url_for(self, name: str | None) -> str:
        """Return the server's URL; raise `InvalidArgumentError` for a name on a private server.

        There, other processes could not use the name, so a lock would exclude none of them.
        """
        return self._server.url_for(name)

    def own(self, primitive: Primitive, name: str | None) -> None:
        """Keep the session open for `primitive`; delete it in `close` if it has no name."""
        get_session(self.url).contexts.add(self)
        if name is None:
            self._unnamed.add(primitive)

    def delete_on_close(self, *primitives: Primitive) -> None:
        """Delete these primitives, too, when this context is closed."""
        get_session(self.url).contexts.add(self)
        self._deletions.extend(primitive.deletion for primitive in primitives)

    def delete_later(self, deletion: BoundScript) -> None:
        """Run this script when this context is closed."""
        self._deletions.append(deletion)

    def close(self) -> None:
        """Delete the primitives that this context created without a name, stop its heartbeats and its private server.

        If no other context of this process uses the server, the connections are closed, and what this process holds is
        free when its leases expire. In a forked child, the primitives that its parent has created remain.
        """
        for heartbeat in self._heartbeats:
            with contextlib.suppress(ServerUnavailableError):  # its name will be dead after an interval
                heartbeat.stop()
        self._heartbeats.clear()
        for manager in list(self._managers):
            manager.shutdown()
        contexts = (*self._of_managers, self)
        for context in contexts:
            if not self._server.is_private:
                context.delete_primitives()
            context._unnamed.clear()
            context._deletions.clear()
        if self._server.chosen is not None:
            for context in contexts:
                leave_session(self._server.chosen, context)
        self._of_managers.clear()
        self._server.close()

    def delete_primitives(self) -> None:
        """Delete the primitives that this context created without a name."""
        if self._server.chosen is not None:
            with contextlib.suppress(ServerUnavailableError):  # their keys will expire
                self._delete_unnamed(self._server.chosen)

    def __enter__(self) -> Context:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _delete_unnamed(self, url: str) -> None:
        for primitive in list(self._unnamed):
            primitive.delete()
        if self._deletions or existing_session(url) is not None:
            get_session(url).delete_dropped(drain(self._deletions))


_contexts: weakref.WeakSet[Context] = weakref.WeakSet()


def _leave_primitives_to_the_parent() -> None:
    for context in list(_contexts):
        for primitive in list(context._unnamed):
            primitive.disown()
        context._unnamed.clear()
        context._deletions.clear()


os.register_at_fork(after_in_child=_leave_primitives_to_the_parent)


def get_context(url: str | None = None, *, method: str | None = None, keeper: str = "thread") -> Context:
    """Return a context, with the arguments of `Context`, after checking that its server is available and suitable.

    Raises `InvalidArgumentError`, `ServerUnavailableError` or `UnsuitableServerError`, whose message says what to do,
    and `UnsupportedError` where `keeper` cannot be "process".
    """
    context = Context(url, method=method, keeper=keeper)
    context.check()
    return context
