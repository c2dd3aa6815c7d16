"""A file descriptor that shows whether an end of a pipe has a message: `multiprocessing.connection.wait` needs one."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import weakref
from multiprocessing.connection import Pipe
from typing import Protocol

import redis

from broker.engine.requests import NONBLOCKING_TIMEOUT
from broker.engine.session import Session
from broker.messages.pipe_ends import CLOSED, END_LEASE, Inbox

STOP_TIMEOUT = 1.0  # seconds to wait for the thread to end


class Receiver(Protocol):
    """An end of a pipe."""

    def receive(self, deadline: float) -> bytes:
        """Return the next message; raise `queue.Empty` at `deadline` (monotonic clock), or `EOFError`."""


class Prefetch:
    """A thread that receives one message ahead of the program.

    Its file descriptor is readable as long as `get` returns, or raises, without waiting.
    """

    def __init__(self, end: Receiver, session: Session) -> None:
        self._session = session
        self._stopped = False
        self._outcome: bytes | BaseException | None = None
        self._condition = threading.Condition()  # reentrant: an end may be collected at any point
        self._reader, self._writer = Pipe(duplex=False)
        self._thread = threading.Thread(target=self._run, args=(weakref.ref(end, self._stop),), daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._reader.fileno()

    def poll(self, deadline: float) -> bool:
        """Return whether `get` returns or raises without waiting, within the deadline (monotonic clock)."""
        with self._condition:
            left = max(0.0, min(deadline - time.monotonic(), threading.TIMEOUT_MAX))
            return self._condition.wait_for(lambda: self._outcome is not None, left)

    def get(self, deadline: float) -> bytes:
        """Return the next message, or raise what receiving it raised; raise `queue.Empty` at the deadline."""
        with self._condition:
            if not self.poll(deadline):
                raise queue.Empty
            outcome, self._outcome = self._outcome, None
            self._reader.recv_bytes()
            self._condition.notify_all()
        if isinstance(outcome, BaseException):
            raise outcome
        assert outcome is not None
        return outcome

    def stop(self, inbox: Inbox) -> None:
        """End the thread, so that no message is received any more."""
        self._stop()
        session = self._session
        if session.closed or not self._thread.is_alive():
            return
        connection = session.acquire_connection()
        try:
            with contextlib.suppress(redis.RedisError, OSError):  # then it ends by itself within `END_LEASE`
                arguments = (connection.new_token(), b"0", inbox._size, CLOSED)
                connection.execute(inbox._put_script, arguments, connection.now() + NONBLOCKING_TIMEOUT)
        finally:
            session.release_connection(connection)
        if self._thread is not threading.current_thread():
            self._thread.join(STOP_TIMEOUT)

    def _stop(self, _: object = None) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def _run(self, reference: weakref.ref[Receiver]) -> None:
        while not (self._stopped or self._session.closed) and (end := reference()) is not None:
            outcome: bytes | BaseException
            try:
                outcome = end.receive(time.monotonic() + END_LEASE)
            except queue.Empty:
                continue
            except BaseException as error:
                outcome = error
            finally:
                del end  # so that it can be collected
            with self._condition:
                self._outcome = outcome
                self._writer.send_bytes(b"")
                self._condition.notify_all()
                self._condition.wait_for(lambda: self._outcome is None or self._stopped)
