"""Local RQ workers, which exit with the process that has started them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from types import TracebackType

from broker.errors import BrokerError
from broker.subprocesses.supervised_process import SupervisedProcess
from jobs.exchange import signing
from jobs.worker.startup import StartupPipe, reason_of

START_TIMEOUT = 30.0  # seconds
URL_VARIABLE = "LAB_REDIS_URL"  # not an argument, since every user can read a program's arguments

# The workers' program finds modules where this one does. With `-m` it would import those in the current folder first,
# whatever their names.
_PROGRAM = """
import os, sys
sys.path[:] = sys.argv.pop(1).split(os.pathsep)
from jobs.worker.local_program import main
main()
"""


class WorkersError(BrokerError):
    """Raised when local workers do not start."""


class Workers:
    """`count` RQ workers on this host; when the constructor returns, they listen.

    They run in `folder`, which comes first on their `sys.path`; without it, the current folder comes last. They import
    the modules in `preload` once, before any job starts. They exit with this process, however it ends, and kill their
    current jobs. Raises `WorkersError` if they do not start, and says why.
    """

    def __init__(
        self, url: str, queue: str, count: int, folder: Path | str | None = None, preload: Iterable[str] = ()
    ) -> None:
        signing.key()  # raises `SecretError` before anything is started
        startup = StartupPipe()
        directory = "" if folder is None else os.path.abspath(folder)
        arguments = [os.pathsep.join(sys.path), *startup.arguments, queue, str(count), directory, *preload]
        with closing(startup):
            with startup.open_for_program():
                self._process = SupervisedProcess(
                    [sys.executable, "-c", _PROGRAM, *arguments],
                    output=startup.writer,
                    pass_fds=startup.streams,
                    environment={URL_VARIABLE: url},
                )
            try:
                if not startup.wait(count, START_TIMEOUT):
                    raise WorkersError(_failure(startup))
            except BaseException:
                self.close()
                raise
            if startup.output:  # of modules that they have imported
                print(startup.output, file=sys.stderr)

    def close(self) -> None:
        """Stop the workers, and wait until they have exited; the last one removes an unused queue from RQ's list."""
        self._process.close()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _failure(startup: StartupPipe) -> str:
    sentence = "the RQ workers did not start" + ("" if startup.ended else f" within {START_TIMEOUT:g} s")
    reason = reason_of(startup.output)
    return f"{sentence}: {reason}" if reason else sentence
