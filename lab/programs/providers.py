"""What a program finds under multiprocessing's names, on each backend."""

from __future__ import annotations

import functools
import multiprocessing
import os
from multiprocessing import util
from typing import Any

import broker
from lab.programs import import_hook, recorded_names, recording
from lab.programs.run_config import Scene
from lab.programs.unsupported import LACKING, local_only

TWINS = ("Lock", "Semaphore", "BoundedSemaphore", "Event", "Queue", "SimpleQueue", "JoinableQueue", "Pipe")
AFTER_CHILDREN = -2  # multiprocessing's finalizers below 0 run when daemons are ended and other children joined


class Local:
    """Multiprocessing itself."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def find(self, _: str, value: Any) -> Any:
        """Return what serves as multiprocessing's `value`, which is called `name`."""
        return value

    def context(self) -> Any:
        """Return the context of the calling process."""
        return multiprocessing.get_context()

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


_provider: Local  # of this process's program


def install(provider: Local) -> None:
    """Let the modules of a program find their backend's names in this process, and in its children."""
    global _provider
    _provider = provider
    recording.record_in(provider.scene.open_log())
    import_hook.install(find, provider.scene.folder)


def make(name: str, *args: Any, **kwargs: Any) -> Any:
    """Return a new primitive of the calling process's context."""
    return getattr(_provider.context(), name)(*args, **kwargs)


def find(name: str, value: Any) -> Any:
    """Return what serves as multiprocessing's `value`, which is called `name`, in this process."""
    return recorded_names.wrap(name, _provider.find(name, value))


def context() -> Any:
    """Return the calling process's context; one that travels is found again by this."""
    return _provider.context()


def terminate_children() -> None:
    """Send every child that runs a SIGTERM."""
    for child in multiprocessing.active_children():
        child.terminate()


def close() -> None:
    """Remove what the calling process has made on its server."""
    _provider.close()
