"""RQ's own worker, which knows nothing of this project."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jobs
from tests.support.clock import eventually

RQ = str(Path(sys.executable).with_name("rq"))


@contextmanager
def plain_worker(url: str, queue: str, folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """One that listens and runs in `folder`, until the block ends; `options` are Python's."""
    count = jobs.listening(url, queue)
    words = [sys.executable, *options, RQ, "worker", "--quiet", "--url", url, queue]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: jobs.listening(url, queue) == count + 1)
            yield process
        finally:
            process.kill()
