"""Actors: threads or processes that run one call at a time for a test, which sends it through a pipe."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

TIMEOUT = 50  # seconds; also on a busy machine, a test waits that long only if something is broken
SLACK = 8.0  # seconds that a busy machine may add to a promise; less than a lease, unless a test chooses a shorter one
READY = "ready"


def serve_calls(pipe: Connection, thing: object) -> None:
    """Call methods of `thing`, or read its attributes, as the pipe says, until None is received."""
    pipe.send(READY)
    while (call := pipe.recv()) is not None:
        name, arguments, options = call
        try:
            member = getattr(thing, name)
            outcome = member(*arguments, **options) if callable(member) else member
        except BaseException as error:
            outcome = error
        pipe.send(outcome)


class Actor:
    """The test's handle of one actor."""

    def __init__(self, pipe: Connection, runner: Any) -> None:
        self._pipe = pipe
        self._runner = runner
        self._ready = False

    @property
    def pid(self) -> int:
        return int(self._runner.pid)

    def begin(self, name: str, *arguments: object, **options: object) -> None:
        """Start a call and do not wait for it."""
        if not self._ready:
            self._ready = self.result() == READY
        self._pipe.send((name, arguments, options))

    def blocked(self, seconds: float = 0.0) -> bool:
        """Return whether the call that was started has still not returned after `seconds`."""
        return not self._pipe.poll(seconds)

    def result(self, timeout: float = TIMEOUT) -> Any:
        """Wait for the call that was started; return what it returns, or raise what it raises."""
        assert self._pipe.poll(timeout), "the call did not return"
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
        """Kill the process with SIGKILL, and wait for its end."""
        self.signal(signal.SIGKILL)
        self._runner.join()

    def stop(self) -> None:
        """Stop the actor: a thread must be idle, a process is killed."""
        if isinstance(self._runner, threading.Thread):
            self._pipe.send(None)
            self._runner.join(TIMEOUT)
            assert not self._runner.is_alive(), "a thread is still blocked"
        else:
            self._runner.kill()
            self._runner.join()
            self._runner.close()
        self._pipe.close()


class Actors:
    """Starts actors, and stops them all at the end."""

    def __init__(self) -> None:
        self._actors: list[Actor] = []

    def process(self, context: Any, thing: object) -> Actor:
        """Start a process of `context` that gets `thing` as its argument."""
        return self._start(context.Process, thing)

    def thread(self, thing: object) -> Actor:
        """Start a thread that shares `thing`."""
        return self._start(threading.Thread, thing)

    def _start(self, kind: Any, thing: object) -> Actor:
        ours, theirs = multiprocessing.Pipe()
        runner = kind(target=serve_calls, args=(theirs, thing), daemon=True)
        runner.start()
        if kind is not threading.Thread:
            theirs.close()
        actor = Actor(ours, runner)
        self._actors.append(actor)
        return actor

    def __enter__(self) -> Actors:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in reversed(self._actors):
            actor.stop()
