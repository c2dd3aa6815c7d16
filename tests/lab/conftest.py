"""The `lab` command as a person runs it: a process, with nothing but text coming back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import psutil
import pytest
import redis

from broker.server.private_server import PrivateServer
from tests.support.actors import TIMEOUT
from tests.support.rq_worker import RQ_MAINTENANCE_KEY
from tests.support.waiting import wait_until

COMMAND = str(Path(sys.executable).with_name("lab"))

Finished: TypeAlias = "subprocess.CompletedProcess[str]"


class Session:
    """A `lab` that is running, and what it has brought into the world."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        self.temporary = Path(tempfile.mkdtemp(prefix="t-"))  # short: multiprocessing puts a socket's path below it
        self._mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=os.environ | {"LAB_TEST_MARK": self._mark, "TMPDIR": str(self.temporary), "COLUMNS": "80"},
            start_new_session=True,
        )

    def finish(self, timeout: float = 3 * TIMEOUT) -> Finished:
        """Wait for its end and return what it said."""
        out, err = self.process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out, err)

    def alive(self) -> list[psutil.Process]:
        """Return every process that inherited this lab's environment, whoever its parent is now."""
        return [process for process in psutil.process_iter() if self._marked(process)]

    def _marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("LAB_TEST_MARK") == self._mark and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def events(self, client: redis.Redis) -> str:
        """Return what the actors have recorded so far, wherever it is."""
        files = "".join(path.read_text() for path in self.temporary.glob("lab-*/trace"))
        streams = [client.xrange(key) for key in client.keys("lab:*:trace")]
        return files + str(streams)

    def close(self) -> None:
        """End whatever is left."""
        for process in self.alive():
            process.send_signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        shutil.rmtree(self.temporary)


Start: TypeAlias = Callable[..., Session]
Run: TypeAlias = Callable[..., Finished]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a `lab` with these arguments."""
    sessions = []

    def start(*arguments: object) -> Session:
        sessions.append(Session([str(argument) for argument in arguments], tmp_path))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()


@pytest.fixture
def lab(start: Start) -> Run:
    """Runs a `lab` to its end, which must come without a traceback and leave nothing behind."""

    def run(*arguments: object) -> Finished:
        session = start(*arguments)
        finished = session.finish()
        assert "Traceback" not in finished.stderr
        wait_until(lambda: not session.alive())
        assert not list(session.temporary.iterdir())
        return finished

    return run


@pytest.fixture
def url(server: PrivateServer, client: redis.Redis) -> Iterator[str]:
    """A server on which every key that a test makes must be gone when it ends."""
    before = set(client.keys("*")) | {RQ_MAINTENANCE_KEY}
    yield server.url
    assert set(client.keys("*")) <= before


def table(text: str) -> dict[str, list[str]]:
    """Return the rows of the report's table by their first cell."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    return {first: rest for first, *rest in rows}
