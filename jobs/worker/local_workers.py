"""RQ workers of one's own, for as long as this process lives."""

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
URL = "LAB_REDIS_URL"  # in the environment, since anybody may read a program's arguments


class WorkersError(BrokerError):
    """Raised when workers of one's own do not start."""


class Workers:
    """`count` RQ workers on this host, ready on return.

    They run in `folder`, and find its modules first. What is named in `preload` they import once, and no process again.
    They end with this process, however it ends, and take a running job with them. Raises `WorkersError` if they do
    not start.
    """

    def __init__(
        self, url: str, queue: str, count: int, folder: Path | str | None = None, preload: Iterable[str] = ()
    ) -> None:
        signing.key()  # one that is no good is told before anything is begun
        ready = Semaphore.at(url, f"ready-{uuid.uuid4().hex}", value=0)
        where = "" if folder is None else os.path.abspath(folder)
        arguments = [queue, str(count), ready.name, where, *preload]
        self._process = SupervisedProcess([sys.executable, "-m", "jobs.worker", *arguments], environment={URL: url})
        try:
            if not all(ready.acquire(timeout=START_TIMEOUT) for _ in range(count)):
                raise WorkersError(f"{count} RQ workers did not start in {START_TIMEOUT:.0f} s; see what they wrote")
        except BaseException:
            self.close()
            raise
        finally:
            ready.delete()

    def close(self) -> None:
        """Stop the workers, and wait until they are gone; the last one forgets the queue if nobody else needs it."""
        self._process.close()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
