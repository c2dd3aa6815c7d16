"""RQ's own worker, which knows nothing of this project."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.exchange.worker_list import list_workers
from tests.support.clock import eventually

RQ = str(Path(sys.executable).with_name("rq"))


@contextmanager
def plain_worker(url: str, queue: str, folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """One that listens and runs in `folder`, until the block ends; `options` are Python's."""
    words = [sys.executable, *options, RQ, "worker", "--quiet", "--url", url, queue]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: process.pid in {worker.pid for worker in list_workers(url, queue) if worker.responds})
            yield process
        finally:
            process.kill()
