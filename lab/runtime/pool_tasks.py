"""A pool's task with the interface of a process: it can be started and joined, and has an exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.runtime.context import Pool, Result


class PoolTask:
    """A call of an actor's function in one of a pool's processes; implements `lab.runtime.context.Process`."""

    def __init__(self, pool: Pool, target: Callable[..., None], args: tuple[Any, ...], name: str) -> None:
        self.name = name
        self._pool = pool
        self._call = (target, args)
        self._result: Result | None = None

    def start(self) -> None:
        """Submit it; it starts when one of the pool's processes is free."""
        self._result = self._pool.apply_async(_exit_code, self._call)

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, `timeout` seconds at most."""
        assert self._result is not None, "the task was not started"
        self._result.wait(timeout)

    @property
    def exitcode(self) -> int | None:
        """None until it has ended, and 0 if it succeeded."""
        if self._result is None or not self._result.ready():
            return None
        return int(self._result.get()) if self._result.successful() else 1


def _exit_code(target: Callable[..., None], args: tuple[Any, ...]) -> int:
    """Call `target`, and return the exit code; a `SystemExit` would end the pool's process."""
    try:
        target(*args)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0
