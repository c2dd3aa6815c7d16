"""A pool's task, handled as if it were a process: started, joined, and asked for its exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.runtime.context import Pool, Result


class PoolTask:
    """A call of an actor's function in one of a pool's processes; promises what `lab.runtime.context.Process` does."""

    def __init__(self, pool: Pool, target: Callable[..., None], args: tuple[Any, ...], name: str) -> None:
        self.name = name
        self._pool = pool
        self._call = (target, args)
        self._result: Result | None = None

    def start(self) -> None:
        """Hand it in; it begins when one of the pool's processes is free."""
        self._result = self._pool.apply_async(_exit_code, self._call)

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, `timeout` seconds at most."""
        assert self._result is not None, "it has been started"
        self._result.wait(timeout)

    @property
    def exitcode(self) -> int | None:
        """None until it has ended, and 0 if it ended well."""
        if self._result is None or not self._result.ready():
            return None
        return int(self._result.get()) if self._result.successful() else 1


def _exit_code(target: Callable[..., None], args: tuple[Any, ...]) -> int:
    """Play, and return what a process of its own would have exited with; its exit would take the pool's along."""
    try:
        target(*args)
    except SystemExit as end:
        return int(end.code or 0)
    return 0
