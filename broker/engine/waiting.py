"""The one place where the broker blocks: every acquire and every wait goes through `wait`."""

from __future__ import annotations

import time
from typing import Protocol

import redis

from broker.transport.connection import NEVER, Connection


class Question(Protocol):
    """What is waited for: a grant, an event."""

    channel: bytes
    """Where the answer will be published."""
    look_at: float
    """When to ask again although nothing was heard, on the monotonic clock."""

    def ask(self, until: float) -> bool:
        """Ask the server, trying until that moment if it is out of reach; True ends the wait."""

    def hear(self, message: bytes) -> bool:
        """Take note of a message; True ends the wait."""


def wait(connection: Connection, question: Question, deadline: float) -> bool:
    """Block until `question` is answered, and return True, or until `deadline`, and return False.

    Subscribe, then ask, then wait: what happens after the subscription is heard, what happened before is in the
    reply. A broken subscription starts this over, so a wake-up cannot be lost. Raises `ServerUnavailableError` if
    the server stays out of reach.
    """
    while True:
        connection.subscribe(question.channel, deadline)
        try:
            answered = question.ask(deadline)
            while not answered:
                message = connection.receive(question.channel, min(deadline, question.look_at))
                if message is not None:
                    answered = question.hear(message)
                elif time.monotonic() >= deadline:
                    return False
                else:
                    answered = question.ask(deadline)
            return True
        except (redis.ConnectionError, redis.TimeoutError):
            continue


def deadline_of(block: bool, timeout: float | None) -> float:
    """Return until when multiprocessing's arguments say to wait, on the monotonic clock; 0 if not at all."""
    if not block or (timeout is not None and timeout <= 0):
        return 0.0
    return NEVER if timeout is None else time.monotonic() + timeout
