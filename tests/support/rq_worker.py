"""RQ's own worker, run by RQ's own command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.exchange.worker_list import list_workers
from tests.support.waiting import wait_until

RQ_MAINTENANCE_KEY = b"rq:clean_groups"  # written by any worker when it runs RQ's maintenance; it expires
RQ = str(Path(sys.executable).with_name("rq"))


@contextmanager
def rq_worker(url: str, queue: str, folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker in `folder` that listens, until the block ends; `options` are Python's."""
    words = [sys.executable, *options, RQ, "worker", "--quiet", "--url", url, queue]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: process.pid in {worker.pid for worker in list_workers(url, queue) if worker.responds})
            yield process
        finally:
            process.kill()
