"""Sending requests: what is sent again, and for how long.

A request whose reply is lost is sent again, which is safe since every script is idempotent: asked once more, it replies
what it replied before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis

from broker.engine.operations import Client, Clock, Execute, Operation, Sleep, Steps, Subscribe
from broker.transport.connection import NEVER
from broker.transport.scripts import BoundScript, Command
from broker.transport.server_errors import LASTING, PASSING, translate

RETRY_TIMEOUT = 30.0  # seconds of retries after which the server counts as unavailable
RETRY_DELAYS = (0.0, 0.01, 0.05, 0.2, 0.5)  # seconds between attempts; the last one repeats
NONBLOCKING_TIMEOUT = 1.0  # seconds that a call which must not block waits for the server's reply

# After these it is unknown whether the request was carried out, or the server will accept it soon.
RETRYABLE = (redis.ConnectionError, redis.TimeoutError, *PASSING)


def run(
    client: Client, script: BoundScript | Command, *arguments: bytes, deadline: float = NEVER
) -> Steps[tuple[Any, bool]]:
    """Run a script; return its reply, and whether the request was sent more than once.

    Raises `ServerUnavailableError` after `RETRY_TIMEOUT` seconds, or if an attempt fails after `deadline`; the server
    may still run the script then. With a deadline of 0 or less, that is `NONBLOCKING_TIMEOUT` seconds from now.
    """
    if deadline <= 0:
        deadline = client.now() + NONBLOCKING_TIMEOUT
    try:
        return (yield Execute(script, arguments, deadline)), False
    except RETRYABLE as error:
        return (yield from retry(client, lambda until: Execute(script, arguments, until), deadline, error)), True


def subscribe(client: Client, channel: bytes, deadline: float) -> Steps[None]:
    """Subscribe to `channel`; raise `ServerUnavailableError` as `run` does."""
    try:
        yield Subscribe(channel, deadline)
    except RETRYABLE as error:
        yield from retry(client, lambda until: Subscribe(channel, until), deadline, error)


def retry(
    client: Clock,
    attempt: Callable[[float], Operation],
    deadline: float = NEVER,
    error: redis.RedisError | None = None,
) -> Steps[Any]:
    """Repeat an operation, which is given its deadline, until it succeeds; return its result.

    `error` is what it has raised before, if anything. Raises `ServerUnavailableError` after `RETRY_TIMEOUT` seconds, or
    if an attempt fails after `deadline`; `UnsuitableServerError` if the last reply was not understood, and at once for
    what does not pass by itself.
    """
    started, delays = client.now(), iter(RETRY_DELAYS)
    deadline = min(deadline, started + RETRY_TIMEOUT)
    while True:
        if error is not None:
            if isinstance(error, LASTING):
                raise translate(error) from error
            now = client.now()
            if now >= deadline:
                raise translate(error, waited=now - started) from error
            yield Sleep(min(deadline, now + next(delays, RETRY_DELAYS[-1])))
        try:
            return (yield attempt(deadline))
        except RETRYABLE as again:
            error = again
