"""Contexts: where primitives come from, as with `multiprocessing.get_context`."""

from __future__ import annotations

import contextlib
import multiprocessing
import uuid
from collections.abc import Callable, Iterable
from multiprocessing import pool
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, ClassVar, TypeVar

from broker.engine.handle import Handle
from broker.engine.leased_handle import LEASE
from broker.engine.session import leave, session
from broker.errors import ServerUnavailableError
from broker.liveness.board import INTERVAL, Board
from broker.liveness.heartbeat import Heartbeat
from broker.locks.event import Event
from broker.locks.lock import Lock
from broker.locks.semaphore import BoundedSemaphore, Semaphore
from broker.messages.pipe import PipeConnection
from broker.messages.queues import JoinableQueue, Queue, SimpleQueue
from broker.server.check import check_server
from broker.server.environment import server_url
from broker.server.private_server import PrivateServer

H = TypeVar("H", bound=Handle)
S = TypeVar("S", Semaphore, BoundedSemaphore, Queue, JoinableQueue, Board)


class Context:
    """Makes the Redis-backed twins of multiprocessing's primitives, all on one server.

    Without `url` it takes the environment's (`LAB_REDIS_URL`, or what stands in the file `LAB_REDIS_URL_FILE`), else
    starts a private server at the first need of one, which lives as long as this process, or until `close`. `method`
    is multiprocessing's start method for `Process`.

    The factories take what multiprocessing's take, and by keyword a `name`, under which other contexts on other hosts
    find the same primitive (without one it is new), and, where something can be held, the seconds of its `lease`.
    """

    _simple_queue: ClassVar[type[SimpleQueue]] = SimpleQueue
    _queue: ClassVar[type[Queue]] = Queue
    _pipe_connection: ClassVar[type[PipeConnection]] = PipeConnection
    _joinable_queue: ClassVar[type[JoinableQueue]] = JoinableQueue

    def __init__(self, url: str | None = None, *, method: str | None = None) -> None:
        self._url = url
        self._server: PrivateServer | None = None
        self._unnamed: list[Handle] = []
        self._heartbeats: list[Heartbeat] = []
        # Without a method, whatever the program has set by the time that it starts a process.
        local: Any = multiprocessing if method is None else multiprocessing.get_context(method)
        self.Process: type[BaseProcess] = local.Process
        self.cpu_count = local.cpu_count
        self.current_process = local.current_process
        self.parent_process = local.parent_process
        self.active_children = local.active_children
        self._local = local

    @property
    def url(self) -> str:
        """Where the server is; a private one is started if none was named."""
        if self._url is None:
            self._url = server_url() or self._start_server()
        return self._url

    def check(self) -> str:
        """Return the server's name, version and address; raise what `broker.server.check.check_server` raises."""
        return check_server(self.url)

    def Lock(self, *, name: str | None = None, lease: float = LEASE) -> Lock:
        """Return a lock."""
        return self._own(Lock(self.url, _named(name), lease=lease), name)

    def Semaphore(self, value: int = 1, *, name: str | None = None, lease: float = LEASE) -> Semaphore:
        """Return a semaphore of `value` permits; raise `MismatchError` if the name has another value already."""
        return self._opened(Semaphore(self.url, _named(name), value, lease=lease), name)

    def BoundedSemaphore(self, value: int = 1, *, name: str | None = None, lease: float = LEASE) -> BoundedSemaphore:
        """Return a semaphore that never has more than `value` permits; raise `MismatchError` as `Semaphore` does."""
        return self._opened(BoundedSemaphore(self.url, _named(name), value, lease=lease), name)

    def Event(self, *, name: str | None = None) -> Event:
        """Return an event."""
        return self._own(Event(self.url, _named(name)), name)

    def SimpleQueue(self, *, name: str | None = None) -> SimpleQueue:
        """Return a queue without time-outs."""
        return self._own(self._simple_queue(self.url, _named(name)), name)

    def Queue(self, maxsize: int = 0, *, name: str | None = None) -> Queue:
        """Return a queue of at most `maxsize` items, or any number; raise `MismatchError` as `Semaphore` does."""
        return self._opened(self._queue(self.url, _named(name), maxsize), name)

    def JoinableQueue(self, maxsize: int = 0, *, name: str | None = None, lease: float = LEASE) -> JoinableQueue:
        """Return a queue whose items are their getters' until done; raise `MismatchError` as `Semaphore` does."""
        return self._opened(self._joinable_queue(self.url, _named(name), maxsize, lease=lease), name)

    def Pipe(self, duplex: bool = True) -> tuple[PipeConnection, PipeConnection]:
        """Return both ends of a pipe; without `duplex` the first can only receive, and the second only send."""
        name = _named(None)
        first = self._pipe_connection(self.url, name, 0, True, duplex)
        second = self._pipe_connection(self.url, name, 1, duplex, True)
        for handle in (*first.handles, *second.handles):
            self._own(handle, None)
        return first, second

    def Heartbeat(self, board: Board, who: str | None = None, *, daemon: bool = True) -> Heartbeat:
        """Let a daemon report to `board` from now on that this process is alive; return how to stop it."""
        self._heartbeats.append(Heartbeat(board, who, daemon=daemon))
        return self._heartbeats[-1]

    def Pool(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
    ) -> pool.Pool:
        """Return multiprocessing's pool, whose processes are this host's."""
        made: pool.Pool = self._local.Pool(processes, initializer, initargs, maxtasksperchild)
        return made

    def Board(self, interval: float = INTERVAL, *, name: str | None = None) -> Board:
        """Return a board; raise `MismatchError` if the name has another interval already."""
        return self._opened(Board(self.url, _named(name), interval), name)

    def close(self) -> None:
        """Delete what this context made without a name, end its heartbeats, and stop a private server.

        If no other context of this process uses the server, its connections are closed, and what it holds comes back
        when the leases end.
        """
        for heartbeat in self._heartbeats:
            with contextlib.suppress(ServerUnavailableError):  # then its name is dead after an interval
                heartbeat.stop()
        self._heartbeats.clear()
        if self._url is not None and self._server is None:
            with contextlib.suppress(ServerUnavailableError):  # then they expire
                for handle in self._unnamed:
                    handle.delete()
        self._unnamed.clear()
        if self._url is not None:
            leave(self._url, self)
        if self._server is not None:
            self._server.close()
            self._server = self._url = None

    def __enter__(self) -> Context:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start_server(self) -> str:
        self._server = PrivateServer()
        return self._server.url

    def _own(self, handle: H, name: str | None) -> H:
        session(self.url).users.add(self)
        if name is None:
            self._unnamed.append(handle)
        return handle

    def _opened(self, handle: S, name: str | None) -> S:
        if name is not None:
            handle.open()
        return self._own(handle, name)


def _named(name: str | None) -> str:
    return uuid.uuid4().hex if name is None else name


def get_context(url: str | None = None, *, method: str | None = None) -> Context:
    """Return a context whose server was reached and found fit; see `Context` for the arguments.

    Raises `InvalidArgumentError`, `ServerUnavailableError` or `UnsuitableServerError`, each with one sentence that
    says what to do.
    """
    context = Context(url, method=method)
    context.check()
    return context
