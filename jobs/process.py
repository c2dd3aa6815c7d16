"""multiprocessing's process, started as an RQ job.

Names, daemons, exit codes and the end of a process are multiprocessing's own code. Like multiprocessing's own contexts,
a context only defines how its processes are started.
"""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any, ClassVar

from rq.job import Job

from jobs.job_context import JobContext
from jobs.popen import Popen


class Process(BaseProcess):
    """`multiprocessing.Process` on an RQ worker, created by a `jobs.Context` as `context.Process`.

    It gets what multiprocessing's start method would give it: with fork its parent's data, with spawn a main module of
    its own. The worker's host needs this project and the modules that the process imports; the program's main file is
    sent along. If the process is lost with its worker or its
    host, its exit code is -9 within 5 seconds.
    """

    _context: ClassVar[JobContext]
    _start_method = None
    _target: Callable[..., object] | None
    _args: tuple[Any, ...]
    _kwargs: dict[str, Any]
    _popen: Popen | None

    def run(self) -> Any:
        """Call the target. RQ stores the return value, which multiprocessing drops."""
        return self._target(*self._args, **self._kwargs) if self._target else None

    @property
    def job(self) -> Job | None:
        """RQ's job; None until `start` is called."""
        return None if self._popen is None else self._popen.job

    @property
    def host(self) -> str | None:
        """The name of the host that runs it; None until a worker has started it."""
        return None if self._popen is None else self._popen.host

    @property
    def sentinel(self) -> int:
        """A file descriptor that is readable when the process has ended."""
        _ = super().sentinel  # raises ValueError if it was not started, or is closed
        assert self._popen is not None
        return self._popen.open_sentinel()

    @staticmethod
    def _after_fork() -> None:
        """Keep the finalizers of what was unpickled: as with multiprocessing's spawn, none are inherited."""

    @staticmethod
    def _Popen(process: Process) -> Popen:  # noqa: N802 - multiprocessing's name
        return Popen(process)
