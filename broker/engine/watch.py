"""Waiting for what is true from a moment on: a flag and a generation that rises with each such moment."""

from __future__ import annotations

import time

from broker.engine.handle import Handle
from broker.engine.waiting import wait
from broker.errors import ServerUnavailableError
from broker.transport.connection import NEVER, Connection
from broker.transport.scripts import BoundScript


def watch(handle: Handle, look: BoundScript, channel: bytes, timeout: float | None) -> bool:
    """Block until `look` finds the flag set, or set since this call; return False after `timeout` seconds.

    `look` returns the flag and the generation; whatever raises the generation publishes it to `channel`.
    """
    deadline = NEVER if timeout is None else time.monotonic() + timeout
    here = handle._here()
    connection = here.borrow()
    question = _Watch(handle, look, channel, connection)
    try:
        if question.ask(deadline):
            return True
        return deadline > time.monotonic() and (wait(connection, question, deadline) or question.ask(deadline))
    except ServerUnavailableError:
        if time.monotonic() < deadline:
            raise
        return False  # a time-out is no error
    finally:
        connection.unsubscribe(channel)
        here.give_back(connection)


class _Watch:
    """One wait."""

    look_at = NEVER  # a generation stays, so there is nothing to miss that a broken connection would not report

    def __init__(self, handle: Handle, look: BoundScript, channel: bytes, connection: Connection) -> None:
        self.channel = channel
        self._handle = handle
        self._look = look
        self._connection = connection
        self._generation: int | None = None  # the one at which waiting began

    def ask(self, until: float) -> bool:
        token = self._connection.new_token()
        (flag, generation), _ = self._handle._ask(self._connection, self._look, token, until=until)
        if self._generation is None:
            self._generation = generation
        return bool(flag) or generation > self._generation

    def hear(self, message: bytes) -> bool:
        return int(message) > (self._generation or 0)
