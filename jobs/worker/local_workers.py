"""Local RQ workers, which exit with the process that has started them."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from broker.errors import BrokerError
from broker.locks.semaphore import Semaphore
from broker.subprocesses.supervised_process import SupervisedProcess
from jobs.exchange import signing

START_TIMEOUT = 30.0  # seconds
URL_VARIABLE = "LAB_REDIS_URL"  # not an argument, since every user can read a program's arguments


class WorkersError(BrokerError):
    """Raised when local workers do not start."""


class Workers:
    """`count` RQ workers on this host; when the constructor returns, they listen.

    They run in `folder`, which comes first on their `sys.path`. They import the modules in `preload` once, before any
    job starts. They exit with this process, however it ends, and kill their current jobs. Raises `WorkersError` if they
    do not start.
    """

    def __init__(
        self, url: str, queue: str, count: int, folder: Path | str | None = None, preload: Iterable[str] = ()
    ) -> None:
        signing.key()  # raises `SecretError` before anything is started
        ready = Semaphore.at(url, f"ready-{uuid.uuid4().hex}", value=0)
        directory = "" if folder is None else os.path.abspath(folder)
        arguments = [queue, str(count), ready.name, directory, *preload]
        self._process = SupervisedProcess(
            [sys.executable, "-m", "jobs.worker", *arguments], environment={URL_VARIABLE: url}
        )
        try:
            if not all(ready.acquire(timeout=START_TIMEOUT) for _ in range(count)):
                raise WorkersError(f"{count} RQ workers did not start within {START_TIMEOUT:.0f} s; see their output")
        except BaseException:
            self.close()
            raise
        finally:
            ready.delete()

    def close(self) -> None:
        """Stop the workers, and wait until they have exited; the last one removes an unused queue from RQ's list."""
        self._process.close()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
