"""Sending requests: what is sent again, and for how long.

A request whose reply is lost is sent again, which is safe since every script is idempotent: asked once more, it replies
what it replied before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import redis

from broker.engine.operations import Client, Clock, Execute, Operation, Sleep, Steps, Subscribe
from broker.errors import BrokerError
from broker.transport.connection import NEVER
from broker.transport.scripts import BoundScript, Command
from broker.transport.server_errors import LASTING, PASSING, UnexpectedReplyError, translate

RETRY_TIMEOUT = 30.0  # seconds of retries after which the server counts as unavailable
RETRY_DELAYS = (0.0, 0.01, 0.05, 0.2, 0.5)  # seconds between attempts; the last one repeats
NONBLOCKING_TIMEOUT = 1.0  # seconds that a call which must not block waits for the server's reply

# After these it is unknown whether the request was carried out, or the server will accept it soon.
RETRYABLE = (redis.ConnectionError, redis.TimeoutError, *PASSING)

# What it raises to take apart what has another form.
MALFORMED = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)

T = TypeVar("T")


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


def ask(
    client: Client,
    parse: Callable[[Any], T],
    script: BoundScript | Command,
    *arguments: bytes,
    deadline: float = NEVER,
) -> Steps[T]:
    """Run a script as `run` does; return what `parse` makes of its reply, as `parsed` does."""
    reply, _ = yield from run(client, script, *arguments, deadline=deadline)
    return parsed(client, parse, reply)


def parsed(client: Client, parse: Callable[[Any], T], reply: Any) -> T:
    """Return what `parse` makes of a reply; raise `UnsuitableServerError` if it expects one of another form."""
    try:
        return parse(reply)
    except BrokerError:  # what the reply says
        raise
    except MALFORMED as error:
        raise unexpected(client, reply) from error


def unexpected(client: Client, reply: Any) -> BrokerError:
    """Return the error for a reply that is none to its request; the connection is closed, since others may follow."""
    client.disconnect()
    return translate(UnexpectedReplyError(reply))


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
