"""The part of multiprocessing's contexts that exercises are written against."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

Guard = AbstractContextManager[Any, Any]  # a lock, a semaphore, or nothing at all


class Process(Protocol):
    """A child process or a job."""

    name: str

    def start(self) -> None:
        """Begin."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end, `timeout` seconds at most."""

    @property
    def exitcode(self) -> int | None:
        """None until it has ended, and 0 if it ended well."""


class Context(Protocol):
    """Where primitives and processes come from."""

    @property
    def Process(self) -> Callable[..., Any]:  # noqa: N802
        """The class of the processes."""

    def Lock(self) -> Guard:  # noqa: N802
        """Return a lock."""

    def Semaphore(self, value: int = 1) -> Guard:  # noqa: N802
        """Return a semaphore."""
