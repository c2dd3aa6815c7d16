"""What a program finds under multiprocessing's names, on each backend."""

from __future__ import annotations

import functools
import multiprocessing
import os
from multiprocessing import util
from typing import Any

import broker
from lab.programs import imports, journal, recorded
from lab.programs.lacking import LACKING, local_only, refusal
from lab.programs.scene import Scene

TWINS = ("Lock", "Semaphore", "BoundedSemaphore", "Event", "Queue", "SimpleQueue", "JoinableQueue", "Pipe")
AS_JOBS = ("Process", "Pool")
AFTER_CHILDREN = -2  # multiprocessing's finalizers below 0 run when daemons are ended and other children joined


class Local:
    """Multiprocessing itself."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def find(self, _: str, value: Any) -> Any:
        """Return what serves as multiprocessing's `value`, which is called `name`."""
        return value

    def close(self) -> None:
        """Remove what was made."""


class Redis(Local):
    """Local processes and Redis-backed primitives; what has no twin is multiprocessing's own."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._context: broker.Context | None = None
        self._owner = 0

    def find(self, name: str, value: Any) -> Any:
        """Return what serves as multiprocessing's `value`, which is called `name`."""
        if name in TWINS:
            return functools.partial(make, name)
        return local_only(name, value) if name in LACKING else value

    def context(self) -> Any:
        """Return the context of the calling process; what a process makes goes when it and its children have ended."""
        if self._owner != os.getpid():
            self._owner = os.getpid()
            self._context = self.open()
            util.Finalize(None, self._context.close, exitpriority=AFTER_CHILDREN)
        return self._context

    def open(self) -> broker.Context:
        """Return a new context."""
        return broker.Context(self.scene.url)

    def close(self) -> None:
        """Remove what this process has made."""
        if self._owner == os.getpid() and self._context is not None:
            self._context.close()


class Jobs(Redis):
    """RQ jobs; what has no twin is refused when it is used."""

    def find(self, name: str, value: Any) -> Any:
        """Return what serves as multiprocessing's `value`, which is called `name`."""
        if name in TWINS:
            return functools.partial(make, name)
        if name in AS_JOBS:
            return getattr(self.context(), name)
        return refusal(name) if name in LACKING else value

    def open(self) -> broker.Context:
        """Return a new context."""
        from lab.programs.queued import Context  # imports RQ, which the other backends need not wait for

        return Context(self.scene)


BACKENDS = {"local": Local, "redis": Redis, "rq": Jobs}

_names: Any  # of this process's program


def install(scene: Scene) -> None:
    """Let the modules of the scene's program find its backend's names in this process, and in its children."""
    global _names
    _names = BACKENDS[scene.backend](scene)
    journal.record_in(scene.open_log())
    imports.install(find, scene.folder)


def make(name: str, *args: Any, **kwargs: Any) -> Any:
    """Return a new primitive of the calling process's context."""
    return getattr(_names.context(), name)(*args, **kwargs)


def find(name: str, value: Any) -> Any:
    """Return what serves as multiprocessing's `value`, which is called `name`, in this process."""
    return recorded.wrap(name, _names.find(name, value))


def context() -> Any:
    """Return the calling process's context; one that travels is found again by this."""
    return _names.context()


def terminate_children() -> None:
    """Send every child that runs a SIGTERM."""
    for child in multiprocessing.active_children():
        child.terminate()


def close() -> None:
    """Remove what the calling process has made on its server."""
    _names.close()
