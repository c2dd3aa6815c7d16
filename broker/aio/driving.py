"""Drives the rules of the protocol with a task of an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from typing import TypeVar

from broker.engine.operations import IO, Operation, Steps

T = TypeVar("T")


async def drive(steps: Steps[T], io: IO, operation: Operation | None = None) -> T:
    """Carry out what `steps` ask for, until they return; they have asked for `operation` already.

    If the task is cancelled, this raises at once, and leaves `steps` where they are: see `interrupt`.
    """
    try:
        if operation is None:
            operation = next(steps)
        while True:
            try:
                result = await operation.perform(io)
            except (asyncio.CancelledError, GeneratorExit):
                raise
            except BaseException as error:
                operation = steps.throw(error)
            else:
                operation = steps.send(result)
    except StopIteration as end:
        value: T = end.value
        return value


def interrupt(steps: Steps[T], error: BaseException) -> Operation | None:
    """Throw `error` into `steps`; return what they ask for to undo what they have begun, or None if they have ended."""
    try:
        return steps.throw(error)
    except BaseException:  # `error`, which the caller raises anyway
        return None


def has_ended(steps: Steps[T]) -> bool:
    """Return whether there is nothing left to do."""
    return inspect.getgeneratorstate(steps) == inspect.GEN_CLOSED


def abandon(steps: Steps[T]) -> None:
    """End `steps` without carrying out what they still ask for."""
    while not has_ended(steps):
        with contextlib.suppress(BaseException):
            steps.throw(GeneratorExit())
