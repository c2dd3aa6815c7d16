"""Waiting: the only place where the broker blocks until a message arrives."""

from __future__ import annotations

import time
from typing import Protocol

import redis

from broker.transport.connection import NEVER, Connection


class WaitCondition(Protocol):
    """What `wait` waits for, such as a grant or an event."""

    channel: bytes
    """The channel on which messages about it are published."""
    recheck_at: float
    """When to check again if no message arrives, on the monotonic clock."""

    def check(self, deadline: float) -> bool:
        """Ask the server whether the wait is over; retry until `deadline` if the server does not answer."""

    def on_message(self, message: bytes) -> bool:
        """Process a message; return whether the wait is over."""


def wait(connection: Connection, condition: WaitCondition, deadline: float) -> bool:
    """Block until `condition` is met; return False if it is not met by `deadline`.

    It subscribes, then checks, then waits for messages. What happens after the subscription arrives as a message; what
    happened before is in the reply to the check. If the subscription breaks, it starts again, so no wake-up is lost.
    Raises `ServerUnavailableError` if the server does not answer.
    """
    while True:
        connection.subscribe(condition.channel, deadline)
        try:
            met = condition.check(deadline)
            while not met:
                message = connection.receive(condition.channel, min(deadline, condition.recheck_at))
                if message is not None:
                    met = condition.on_message(message)
                elif time.monotonic() >= deadline:
                    return False
                else:
                    met = condition.check(deadline)
            return True
        except (redis.ConnectionError, redis.TimeoutError):
            continue


def deadline_of(block: bool, timeout: float | None) -> float:
    """Return the deadline of a call with these arguments, on the monotonic clock; 0 if it must not block."""
    if not block or (timeout is not None and timeout <= 0):
        return 0.0
    return NEVER if timeout is None else time.monotonic() + timeout
