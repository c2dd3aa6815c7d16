"""Pipes between processes on any number of hosts."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import time
import weakref
from collections import deque
from multiprocessing import BufferTooShort, util
from types import TracebackType
from typing import Any, ClassVar

import redis

from broker.engine.waiting import deadline_of
from broker.messages.pickling import dumps
from broker.messages.pipe_ends import CLOSED, END_LEASE, EndLease, EndUsers, Inbox, close_end
from broker.messages.prefetch import Prefetch
from broker.transport.connection import NEVER

PICKLE_LEASE = 24 * 3600.0  # seconds within which a pickled end must be unpickled, or it may count as closed
DATA = b"="  # the prefix of a message, unlike CLOSED


class PipeConnection:
    """One end of a pipe over Redis, with the methods of `multiprocessing.connection.Connection`.

    An end is open as long as any process has it open: the process that created it, those that unpickled it, and those
    that were forked with it. A process closes it with `close` or when it exits; if it is killed, its end closes five
    seconds later. Sending never waits, since the number of messages is not limited. An end is not a file, but has a
    `fileno` for `multiprocessing.connection.wait`.
    """

    _inbox_type: ClassVar[type[Inbox]] = Inbox

    def __init__(self, url: str, name: str, side: int, readable: bool, writable: bool) -> None:
        self.readable = readable
        self.writable = writable
        self._address = (url, name, side, readable, writable)
        self._inbox = self._inbox_type.at(url, f"{name}:{side}")
        self._outbox = self._inbox_type.at(url, f"{name}:{1 - side}")
        self._users = EndUsers.at(url, f"{name}:{side}")
        self._peer_users = EndUsers.at(url, f"{name}:{1 - side}")
        self.handles = (self._inbox, self._users)
        self._received: deque[bytes] = deque()  # messages that poll() has received and recv() has not returned
        self._prefetch: Prefetch | None = None
        self._child_token = b""
        self._closed = False
        self._open(self._users.add(END_LEASE), END_LEASE)
        util.register_after_fork(self, PipeConnection._after_fork)
        _ends.add(self)

    def send(self, obj: Any) -> None:
        """Send an object; raise `BrokenPipeError` if the other end is closed."""
        self.send_bytes(self._dumps(obj))

    def recv(self) -> Any:
        """Wait for the next object and return it; raise `EOFError` if none is left and the other end is closed."""
        return pickle.loads(self.recv_bytes())  # noqa: S301 - as with any pipe, the other end is trusted

    def send_bytes(self, buf: bytes, offset: int = 0, size: int | None = None) -> None:
        """Send bytes as one message; raise `BrokenPipeError` if the other end is closed."""
        self._check(self.writable, "read-only")
        if not self._peer_remains_open():
            raise BrokenPipeError(f"the other end of {self!r} is closed")
        data = memoryview(buf).cast("B")
        if not 0 <= offset <= len(data) or (size is not None and not 0 <= size <= len(data) - offset):
            raise ValueError(f"{len(data)} bytes do not contain {size} bytes from offset {offset} on")
        self._outbox._put(DATA + data[offset : None if size is None else offset + size], NEVER)

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """Wait for the next message and return it; raise `EOFError` as `recv` does.

        Raises `OSError`, and closes the end, if the message is longer than `maxlength`.
        """
        self._check(self.readable, "write-only")
        if maxlength is not None and maxlength < 0:
            raise ValueError(f"maxlength must not be negative, but is {maxlength}")
        data = self.receive(NEVER) if self._prefetch is None else self._prefetch.get(NEVER)
        if maxlength is not None and len(data) > maxlength:
            self.close()
            raise OSError(f"the message has {len(data)} bytes, more than the maxlength of {maxlength}")
        return data

    def recv_bytes_into(self, buf: Any, offset: int = 0) -> int:
        """Wait for the next message, write it to `buf` from `offset` on, and return its size, all in bytes.

        Raises `EOFError` as `recv` does, and `multiprocessing.BufferTooShort`, which holds the message.
        """
        self._check(self.readable, "write-only")
        with memoryview(buf) as view, view.cast("B") as buffer:
            if not 0 <= offset <= len(buffer):
                raise ValueError(f"offset {offset} is not within a buffer of {len(buffer)} bytes")
            data = self.recv_bytes()
            if len(data) > len(buffer) - offset:
                raise BufferTooShort(data)
            buffer[offset : offset + len(data)] = data
            return len(data)

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Return whether `recv` will return a message or raise `EOFError` without waiting, within `timeout` seconds.

        A message that `poll` has found can only be received by this process.
        """
        self._check(self.readable, "write-only")
        deadline = deadline_of(True, timeout)
        if self._prefetch is not None:
            return self._prefetch.poll(deadline)
        try:
            if not self._received:
                self._received.append(self.receive(deadline))
        except queue.Empty:
            return False
        except EOFError:
            pass
        return True

    def fileno(self) -> int:
        """Return a file descriptor that is readable when `recv` will return or raise `EOFError` without waiting.

        `multiprocessing.connection.wait`, `select` and asyncio can wait for it. From the first call on, a thread
        receives one message ahead, and no other process that has this end open can receive that message.
        """
        self._check(self.readable, "write-only")
        if self._prefetch is None:
            self._prefetch = Prefetch(self, self._session)
            self._stop_prefetch = util.Finalize(self, self._prefetch.stop, (self._inbox,), exitpriority=1)
        return self._prefetch.fileno()

    def close(self) -> None:
        """Close this process's end."""
        self._closed = True
        if self._prefetch is not None:
            self._stop_prefetch()
        self._finalize()

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
        return _restore, (type(self), *self._address, self._users.add(PICKLE_LEASE))

    def _dumps(self, obj: Any) -> bytes:
        return dumps(obj)

    def _check(self, allowed: bool, restriction: str) -> None:
        if self._closed:
            raise OSError(f"{self!r} is closed")
        if not allowed:
            raise OSError(f"{self!r} is {restriction}")

    def receive(self, deadline: float) -> bytes:
        """Return the next message; raise `queue.Empty` at `deadline` (monotonic clock), or `EOFError`."""
        if self._received:
            return self._received.popleft()
        wait_until, peer_closed = 0.0, False
        while True:
            try:
                item = bytes(self._inbox._get(wait_until, retry_until=deadline))
            except queue.Empty:
                if peer_closed:
                    raise EOFError from None
                if self._closed or self._session.closed:
                    raise
                remaining = self._peer_remains_open(deadline)
                peer_closed = remaining == 0
                if not peer_closed and time.monotonic() >= deadline:
                    raise
                # Once more if the peer is closed: it may have sent a message just before.
                wait_until = 0.0 if peer_closed else min(deadline, time.monotonic() + min(remaining, END_LEASE))
            else:
                if item != CLOSED:
                    return item[len(DATA) :]
                wait_until = 0.0

    def _peer_remains_open(self, deadline: float = NEVER) -> float:
        """Return for how many seconds the other end is certain to stay open; 0 if no process has it open."""
        return self._peer_users.remaining_open(self._users, self._lease.token, deadline)

    def _open(self, token: bytes, remaining: float) -> None:
        now = time.monotonic()
        self._pid = os.getpid()
        self._session = self._users._get_session()
        self._lease = EndLease(token, 0, END_LEASE, now, now + remaining, self._users.renew_script)
        self._session.lease_renewer.add(self._lease)
        self._register_finalizer()

    def _register_finalizer(self) -> None:
        outbox = self._outbox if self.writable else None
        arguments = (self._session, self._users, self._lease, outbox)
        self._finalize = util.Finalize(self, close_end, arguments, exitpriority=0)

    def _after_fork(self) -> None:
        if self._pid == os.getpid():  # unpickled in a fork server's child, which then clears its finalizers
            self._register_finalizer()
        elif not self._closed:
            self._received.clear()  # these messages are the parent's
            self._prefetch = None
            self._open(self._child_token, 0.0)


def _restore(
    end_class: type[PipeConnection],
    url: str,
    name: str,
    side: int,
    readable: bool,
    writable: bool,
    pickle_token: bytes,
) -> PipeConnection:
    end = end_class(url, name, side, readable, writable)
    end._users.remove(pickle_token)
    return end


_ends: weakref.WeakSet[PipeConnection] = weakref.WeakSet()


def _add_child_to_ends() -> None:
    for end in list(_ends):
        end._closed = end._closed or end._session.closed
        if not end._closed:
            end._child_token = end._users.new_token()  # the child's lease renewer keeps it alive after the fork
            with contextlib.suppress(redis.RedisError, OSError):  # then the child does it
                end._users.add_child(end._child_token)


os.register_at_fork(before=_add_child_to_ends)
