"""multiprocessing's process, started as an RQ job.

All that a process is, names and daemons and exit codes and what happens at its end, is multiprocessing's own code;
a context only says how its processes are started, as multiprocessing's contexts do.
"""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any, ClassVar

from rq.job import Job

from jobs.job_context import JobContext
from jobs.popen import Popen


class Process(BaseProcess):
    """`multiprocessing.Process` on an RQ worker; made by a `jobs.Context`, as `context.Process`.

    The process travels by value, handles in it by name: the worker's host needs this project and whatever modules
    the process imports; what is defined in `__main__` is sent along. One that is lost with its worker or its
    host is known to be dead within 5 seconds, with the exit code -9.
    """

    _context: ClassVar[JobContext]
    _start_method = None
    _target: Callable[..., object] | None
    _args: tuple[Any, ...]
    _kwargs: dict[str, Any]
    _popen: Popen | None

    def run(self) -> Any:
        """Do what the process is for. RQ keeps what this returns; multiprocessing drops it."""
        return self._target(*self._args, **self._kwargs) if self._target else None

    @property
    def job(self) -> Job | None:
        """RQ's job; None until it is started."""
        return None if self._popen is None else self._popen.job

    @property
    def host(self) -> str | None:
        """The name of the host that runs it; None until it has begun."""
        return None if self._popen is None else self._popen.host

    @property
    def sentinel(self) -> int:
        """A file descriptor that is ready for reading when the process has ended."""
        _ = super().sentinel  # raises ValueError if it was not started, or is closed
        assert self._popen is not None
        return self._popen.open_sentinel()

    @staticmethod
    def _after_fork() -> None:
        """Keep what was unpickled: as with multiprocessing's spawn, none of it was inherited."""

    @staticmethod
    def _Popen(process: Process) -> Popen:  # noqa: N802 - multiprocessing's name
        return Popen(process)
