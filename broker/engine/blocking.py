"""Drives the rules of the protocol with the calling thread and a connection over blocking sockets."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from broker.engine.operations import IO, Execute, Operation, Steps
from broker.engine.requests import RETRYABLE, parsed, retry
from broker.transport.connection import Connection
from broker.transport.scripts import BoundScript, Command

T = TypeVar("T")


def drive(steps: Steps[T], io: IO) -> T:
    """Carry out what `steps` ask for, until they return.

    An exception that a signal handler raises here, Ctrl-C for instance, is thrown into them, so that they can undo what
    they have begun.
    """
    resume: Callable[[Any], Operation] = steps.send
    result: Any = None
    while True:
        try:
            while True:
                result = resume(result).perform(io)
                resume = steps.send
        except StopIteration as end:
            value: T = end.value
            return value
        except BaseException as error:
            if inspect.getgeneratorstate(steps) == inspect.GEN_CLOSED:  # they have ended with this error
                raise
            resume, result = steps.throw, error


def ask(
    connection: Connection, parse: Callable[[Any], T], script: BoundScript | Command, arguments: tuple[bytes, ...]
) -> T:
    """Do what to drive `requests.ask` does, and make no steps unless the first attempt fails, as that is faster."""
    try:
        reply = connection.execute(script, arguments)
    except RETRYABLE as error:
        steps = retry(connection, lambda until: Execute(script, arguments, until), error=error)
        reply = drive(steps, connection)
    return parsed(connection, parse, reply)
