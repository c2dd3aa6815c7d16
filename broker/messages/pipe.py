"""Pipes between processes on any number of hosts."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import time
import weakref
from collections import deque
from multiprocessing import util
from types import TracebackType
from typing import Any, ClassVar

import redis

from broker.engine.lease import Lease
from broker.messages.pipe_ends import CLOSED, LIFE, Inbox, Users, leave
from broker.transport.connection import NEVER

TRANSIT = 24 * 3600.0  # seconds that a pickled end may take to where it is unpickled
DATA = b"="  # how all other items begin


class PipeConnection:
    """One end of a pipe over Redis; `multiprocessing.Pipe` says what it does.

    An end is open for as long as any process has it: the one that made it, those that it was sent to, and those that
    were forked with it. Each closes it with `close`, by ending, or, if it is killed, five seconds later. There is no
    limit to what may be on its way, and an end is no file: it has no `fileno`.
    """

    _inbox_type: ClassVar[type[Inbox]] = Inbox

    def __init__(self, url: str, name: str, side: int, readable: bool, writable: bool) -> None:
        self.readable = readable
        self.writable = writable
        self._address = (url, name, side, readable, writable)
        self._inbox = self._inbox_type.at(url, f"{name}:{side}")
        self._outbox = self._inbox_type.at(url, f"{name}:{1 - side}")
        self._users = Users.at(url, f"{name}:{side}")
        self._others = Users.at(url, f"{name}:{1 - side}")
        self.handles = (self._inbox, self._users)
        self._ahead: deque[bytes] = deque()  # what poll() found
        self._ticket = b""
        self._closed = False
        self._open(self._users.stay(LIFE), LIFE)
        util.register_after_fork(self, PipeConnection._inherit)
        _ends.add(self)

    def send(self, obj: Any) -> None:
        """Send an object; raise `BrokenPipeError` if nobody has the other end open."""
        self.send_bytes(self._dumps(obj))

    def recv(self) -> Any:
        """Return the next object, waiting for it; raise `EOFError` if none is left and the other end is closed."""
        return pickle.loads(self.recv_bytes())  # noqa: S301 - as with any pipe, the other end is trusted

    def send_bytes(self, buf: bytes, offset: int = 0, size: int | None = None) -> None:
        """Send bytes as one message; raise `BrokenPipeError` if nobody has the other end open."""
        self._check(self.writable, "read-only")
        if not self._others.certain():
            raise BrokenPipeError(f"the other end of {self!r} is closed")
        data = memoryview(buf).cast("B")
        if not 0 <= offset <= len(data) or (size is not None and not 0 <= size <= len(data) - offset):
            raise ValueError(f"a message of {len(data)} bytes has no {size} from {offset} on")
        self._outbox._put(DATA + data[offset : None if size is None else offset + size], NEVER)

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """Return the next message, waiting for it; raise `EOFError` as `recv`, `OSError` if it is longer."""
        self._check(self.readable, "write-only")
        if maxlength is not None and maxlength < 0:
            raise ValueError(f"no message has a negative length ({maxlength})")
        data = self._ahead.popleft() if self._ahead else self._next(NEVER)
        if maxlength is not None and len(data) > maxlength:
            self.close()
            raise OSError(f"a message of {len(data)} bytes, and no more than {maxlength} were wanted")
        return data

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Return whether something can be received, or the end of everything, within `timeout` seconds.

        What it finds is this process's to receive.
        """
        self._check(self.readable, "write-only")
        deadline = NEVER if timeout is None else time.monotonic() + timeout
        try:
            if not self._ahead:
                self._ahead.append(self._next(deadline))
        except queue.Empty:
            return False
        except EOFError:
            pass
        return True

    def close(self) -> None:
        """Close this process's end."""
        self._closed = True
        self._leave()

    @property
    def closed(self) -> bool:
        """Whether this process has closed it."""
        return self._closed

    def __enter__(self) -> PipeConnection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._address[1]!r}>"

    def __reduce__(self) -> tuple[object, ...]:
        self._check(True, "")
        return _restore, (type(self), *self._address, self._users.stay(TRANSIT))

    def _dumps(self, obj: Any) -> bytes:
        return pickle.dumps(obj)

    def _check(self, able: bool, but_is: str) -> None:
        if self._closed:
            raise OSError(f"{self!r} is closed")
        if not able:
            raise OSError(f"{self!r} is {but_is}")

    def _next(self, deadline: float) -> bytes:
        until, over = 0.0, False
        while True:
            try:
                item = bytes(self._inbox._get(until))
            except queue.Empty:
                if over:
                    raise EOFError from None
                certain = self._others.certain()
                over = not certain
                if not over and time.monotonic() >= deadline:
                    raise
                # Once more if it is over: something may have been sent before it was.
                until = 0.0 if over else min(deadline, time.monotonic() + certain)
            else:
                if item != CLOSED:
                    return item[len(DATA) :]
                until = 0.0

    def _open(self, token: bytes, certain: float) -> None:
        now = time.monotonic()
        self._pid = os.getpid()
        self._session = self._users._here()
        self._lease = Lease(token, 0, LIFE, now + certain, self._users.staying)
        self._session.keeper.add(self._lease)
        self._leave_at_exit()

    def _leave_at_exit(self) -> None:
        outbox = self._outbox if self.writable else None
        arguments = (self._session, self._users, self._lease, outbox)
        self._leave = util.Finalize(self, leave, arguments, exitpriority=0)

    def _inherit(self) -> None:
        if self._pid == os.getpid():  # unpickled by a child of a fork server, which forgets what it was to do at exit
            self._leave_at_exit()
        elif not self._closed:
            self._ahead.clear()  # that is the parent's
            self._open(self._ticket, 0.0)


def _restore(
    kind: type[PipeConnection], url: str, name: str, side: int, readable: bool, writable: bool, ticket: bytes
) -> PipeConnection:
    end = kind(url, name, side, readable, writable)
    end._users.depart(ticket)
    return end


_ends: weakref.WeakSet[PipeConnection] = weakref.WeakSet()


def _announce_child() -> None:
    for end in list(_ends):
        end._closed = end._closed or end._session.closed
        if not end._closed:
            end._ticket = end._users.token()  # the child's, which its keeper makes last
            with contextlib.suppress(redis.RedisError, OSError):
                end._users.announce(end._ticket)


os.register_at_fork(before=_announce_child)
