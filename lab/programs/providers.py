"""What each backend provides under multiprocessing's names."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from multiprocessing import util
from typing import Any

import broker
from broker.engine.leased_handle import DEFAULT_LEASE
from lab.programs import instrumentation, recording
from lab.programs.run_config import RunConfig
from lab.runtime.fault_plan import LEASE

AFTER_CHILDREN = -2  # multiprocessing calls finalizers below 0 after it has terminated daemons and joined the others

Twins = Mapping[str, Callable[..., Any]]  # classes and functions, by multiprocessing's name


class LocalProvider:
    """Provides multiprocessing itself, but for what has a twin."""

    def __init__(self, config: RunConfig, twins: Twins) -> None:
        self.config = config
        self._twins = twins

    @property
    def lease(self) -> float:
        """The lease of what can be held, in seconds: short in a run with faults, so that what was lost is soon free."""
        return LEASE if self.config.fault else DEFAULT_LEASE

    @property
    def replaces(self) -> bool:
        """Whether a program gets anything else than multiprocessing itself."""
        return recording.is_recording()

    def resolve(self, name: str, original: Any, method: str | None) -> Any:  # noqa: ARG002 - for jobs
        """Return what the program gets instead of `original`, which multiprocessing calls `name`.

        `method` is the start method of the context that is asked for it; None if it is a module.
        """
        return self._twins.get(name, original)

    def context(self, method: str | None = None) -> Any:
        """Return the context of the calling process with this start method; by default with the program's."""
        return multiprocessing.get_context(method)

    def close(self) -> None:
        """Delete what the calling process has created."""


class RedisProvider(LocalProvider):
    """Provides local processes and Redis-backed primitives; what has no twin stays multiprocessing's own."""

    replaces = True

    def __init__(self, config: RunConfig, twins: Twins) -> None:
        super().__init__(config, twins)
        self._contexts: dict[str | None, broker.Context] = {}  # by start method
        self._pid = 0  # the process that created them: a forked child inherits them

    def context(self, method: str | None = None) -> Any:
        """Return the context of the calling process, which is closed after the process and its children have ended."""
        if self._pid != os.getpid():
            self._pid, self._contexts = os.getpid(), {}
        if method not in self._contexts:
            self._contexts[method] = context = self.new_context(method)
            util.Finalize(None, context.close, exitpriority=AFTER_CHILDREN)
        return self._contexts[method]

    def new_context(self, method: str | None) -> broker.Context:
        """Return a new context."""
        return broker.Context(self.config.url, method=method)

    def close(self) -> None:
        """Delete what the calling process has created."""
        if self._pid == os.getpid():
            for context in self._contexts.values():
                context.close()


_provider: LocalProvider  # of the program that this process runs


def install(provider: LocalProvider) -> None:
    """Make `provider` the one of this process and of its children."""
    global _provider
    _provider = provider
    recording.set_log(provider.config.open_log(), provider.config.folder, provider.config.url)


def replaces() -> bool:
    """Return whether the program gets anything else than multiprocessing itself."""
    return _provider.replaces


def resolve(name: str, original: Any, method: str | None = None) -> Any:
    """Return what the program gets instead of `original`, which multiprocessing calls `name`.

    A class in one of multiprocessing's submodules stays a class; a factory records if the run is recorded.
    """
    provided = _provider.resolve(name, original, method)
    if isinstance(original, type):
        return provided
    return instrumentation.instrument(name, provided)


def current_context(method: str | None = None) -> Any:
    """Return the calling process's context; a pickled context is unpickled as this one."""
    return _provider.context(method)


def current_lease() -> float:
    """Return the lease of what can be held, in seconds."""
    return _provider.lease


def terminate_children() -> None:
    """Send SIGTERM to every running child."""
    for child in multiprocessing.active_children():
        child.terminate()


def close() -> None:
    """Delete what the calling process has created on the server."""
    _provider.close()
