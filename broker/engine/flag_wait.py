"""Waiting for a flag that other processes set, without missing one that is set and cleared in between."""

from __future__ import annotations

import time

from broker.engine.handle import Handle
from broker.engine.waiting import wait
from broker.errors import ServerUnavailableError
from broker.transport.connection import NEVER, Connection
from broker.transport.scripts import BoundScript


def wait_for_flag(handle: Handle, read_script: BoundScript, channel: bytes, timeout: float | None) -> bool:
    """Block until the flag is set, or was set since this call; return False after `timeout` seconds.

    `read_script` returns the flag and its generation, which rises each time that the flag is set and is then published
    on `channel`.
    """
    deadline = NEVER if timeout is None else time.monotonic() + timeout
    session = handle._get_session()
    connection = session.acquire_connection()
    condition = _FlagCondition(handle, read_script, channel, connection)
    try:
        if condition.check(deadline):
            return True
        return deadline > time.monotonic() and (wait(connection, condition, deadline) or condition.check(deadline))
    except ServerUnavailableError:
        if time.monotonic() < deadline:
            raise
        return False  # a timeout is not an error
    finally:
        connection.unsubscribe(channel)
        session.release_connection(connection)


class _FlagCondition:
    recheck_at = NEVER  # a message can be lost only if the connection breaks, and then `wait` checks again

    def __init__(self, handle: Handle, read_script: BoundScript, channel: bytes, connection: Connection) -> None:
        self.channel = channel
        self._handle = handle
        self._read_script = read_script
        self._connection = connection
        self._first_generation: int | None = None  # the generation when the wait began

    def check(self, deadline: float) -> bool:
        token = self._connection.new_token()
        (flag, generation), _ = self._handle._run_on(self._connection, self._read_script, token, deadline=deadline)
        if self._first_generation is None:
            self._first_generation = generation
        return bool(flag) or generation > self._first_generation

    def on_message(self, message: bytes) -> bool:
        return int(message) > (self._first_generation or 0)
