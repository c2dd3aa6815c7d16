"""Actors: threads or processes that do, one call at a time, what a test tells them through a pipe."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

PATIENCE = 20.0  # seconds; no test waits so long unless something is broken
READY = "ready"


def perform(pipe: Connection, thing: object) -> None:
    """Do to `thing` what the pipe says, until it says None."""
    pipe.send(READY)
    while (order := pipe.recv()) is not None:
        name, arguments, options = order
        try:
            member = getattr(thing, name)
            outcome = member(*arguments, **options) if callable(member) else member
        except BaseException as error:
            outcome = error
        pipe.send(outcome)


class Actor:
    """The test's side of one actor."""

    def __init__(self, pipe: Connection, runner: Any) -> None:
        self._pipe = pipe
        self._runner = runner
        self._ready = False

    @property
    def pid(self) -> int:
        return int(self._runner.pid)

    def begin(self, name: str, *arguments: object, **options: object) -> None:
        """Order a call and do not wait for it."""
        if not self._ready:
            self._ready = self.result() == READY
        self._pipe.send((name, arguments, options))

    def busy(self, seconds: float = 0.0) -> bool:
        """Whether the call that was begun has not returned, also not within `seconds`."""
        return not self._pipe.poll(seconds)

    def result(self, timeout: float = PATIENCE) -> Any:
        """Return what the call that was begun returns, or raise what it raises."""
        assert self._pipe.poll(timeout), "the actor did not answer"
        outcome = self._pipe.recv()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def call(self, name: str, *arguments: object, **options: object) -> Any:
        self.begin(name, *arguments, **options)
        return self.result()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End the process as a power failure would, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self._runner.join()

    def leave(self) -> None:
        """End the actor, whatever it is doing."""
        if isinstance(self._runner, threading.Thread):
            self._pipe.send(None)
            self._runner.join(PATIENCE)
            assert not self._runner.is_alive(), "a thread was left blocked"
        else:
            self._runner.kill()
            self._runner.join()
            self._runner.close()
        self._pipe.close()


class Cast:
    """Makes actors, and sees them all off at the end."""

    def __init__(self) -> None:
        self._actors: list[Actor] = []

    def process(self, context: Any, thing: object) -> Actor:
        """A process of `context` that was given `thing` as its argument."""
        return self._enter(context.Process, thing)

    def thread(self, thing: object) -> Actor:
        """A thread that shares `thing`."""
        return self._enter(threading.Thread, thing)

    def _enter(self, kind: Any, thing: object) -> Actor:
        ours, theirs = multiprocessing.Pipe()
        runner = kind(target=perform, args=(theirs, thing), daemon=True)
        runner.start()
        if kind is not threading.Thread:
            theirs.close()
        actor = Actor(ours, runner)
        self._actors.append(actor)
        return actor

    def __enter__(self) -> Cast:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in reversed(self._actors):
            actor.leave()
