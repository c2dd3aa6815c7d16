"""What each backend provides under multiprocessing's names."""

from __future__ import annotations

import functools
import multiprocessing
import os
from multiprocessing import util
from typing import Any

import broker
from lab.programs import import_hook, instrumentation, recording
from lab.programs.run_config import RunConfig
from lab.programs.unsupported import UNSUPPORTED, warn_on_use

REDIS_BACKED = ("Lock", "Semaphore", "BoundedSemaphore", "Event", "Queue", "SimpleQueue", "JoinableQueue", "Pipe")
AFTER_CHILDREN = -2  # multiprocessing calls finalizers below 0 after it has terminated daemons and joined the others


class LocalProvider:
    """Provides multiprocessing itself."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config

    def resolve(self, _: str, original: Any) -> Any:
        """Return what the program gets instead of `original`, which multiprocessing calls `name`."""
        return original

    def context(self) -> Any:
        """Return the context of the calling process."""
        return multiprocessing.get_context()

    def close(self) -> None:
        """Delete what the calling process has created."""


class RedisProvider(LocalProvider):
    """Provides local processes and Redis-backed primitives; the rest is multiprocessing's own."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self._context: broker.Context | None = None
        self._pid = 0  # the process that created the context: a forked child inherits it

    def resolve(self, name: str, original: Any) -> Any:
        """Return what the program gets instead of `original`, which multiprocessing calls `name`."""
        if name in REDIS_BACKED:
            return functools.partial(create, name)
        return warn_on_use(name, original) if name in UNSUPPORTED else original

    def context(self) -> Any:
        """Return the context of the calling process, which is closed after the process and its children have ended."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._context = self.new_context()
            util.Finalize(None, self._context.close, exitpriority=AFTER_CHILDREN)
        return self._context

    def new_context(self) -> broker.Context:
        """Return a new context."""
        return broker.Context(self.config.url)

    def close(self) -> None:
        """Delete what the calling process has created."""
        if self._pid == os.getpid() and self._context is not None:
            self._context.close()


_provider: LocalProvider  # of the program that this process runs


def install(provider: LocalProvider) -> None:
    """Make the program's modules import multiprocessing's names from `provider`, in this process and its children."""
    global _provider
    _provider = provider
    recording.set_log(provider.config.open_log())
    import_hook.install(resolve, provider.config.folder)


def create(name: str, *args: Any, **kwargs: Any) -> Any:
    """Return a new primitive of the calling process's context."""
    return getattr(_provider.context(), name)(*args, **kwargs)


def resolve(name: str, original: Any) -> Any:
    """Return what the program gets instead of `original`, recording if the run is recorded."""
    return instrumentation.instrument(name, _provider.resolve(name, original))


def current_context() -> Any:
    """Return the calling process's context; a pickled context is unpickled as this one."""
    return _provider.context()


def terminate_children() -> None:
    """Send SIGTERM to every running child."""
    for child in multiprocessing.active_children():
        child.terminate()


def close() -> None:
    """Delete what the calling process has created on the server."""
    _provider.close()
