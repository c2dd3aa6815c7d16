"""Waiting: the only place where the broker waits until a message arrives."""

from __future__ import annotations

import time
from typing import Protocol

import redis

from broker.engine.arguments import check_timeout
from broker.engine.operations import Client, Receive, Steps
from broker.engine.requests import subscribe
from broker.transport.connection import NEVER


class WaitCondition(Protocol):
    """What `wait` waits for, such as a grant or an event."""

    channel: bytes
    """The channel on which messages about it are published."""
    recheck_at: float
    """When to check again if no message arrives."""

    def check(self, deadline: float) -> Steps[bool]:
        """Ask the server whether the wait is over; retry until `deadline` if the server does not answer."""

    def on_message(self, message: bytes) -> Steps[bool]:
        """Process a message; return whether the wait is over."""


def wait(client: Client, condition: WaitCondition, deadline: float, retry_until: float | None = None) -> Steps[bool]:
    """Wait until `condition` is met; return False if it is not met by `deadline`.

    It subscribes, then checks, then waits for messages. What happens after the subscription arrives as a message; what
    happened before is in the reply to the check. If the subscription breaks, it starts again, so no wake-up is lost.
    Raises `ServerUnavailableError` if the server does not answer by `retry_until`, which is `deadline` if it is not
    given.
    """
    if retry_until is None:
        retry_until = deadline
    while True:
        yield from subscribe(client, condition.channel, retry_until)
        try:
            met = yield from condition.check(retry_until)
            while not met:
                message = yield Receive(condition.channel, min(deadline, condition.recheck_at))
                if message is not None:
                    met = yield from condition.on_message(message)
                elif client.now() >= deadline:
                    return False
                else:
                    met = yield from condition.check(retry_until)
            return True
        except (redis.ConnectionError, redis.TimeoutError):
            continue


def deadline_of(block: bool, timeout: float | None) -> float:
    """Return the deadline of a call with these arguments, on the monotonic clock; 0 if it must not block.

    Raises `InvalidArgumentError` if `timeout` is not a number.
    """
    if not block:
        return 0.0
    if timeout is None:
        return NEVER
    seconds = check_timeout(timeout)
    return time.monotonic() + seconds if seconds > 0 else 0.0
