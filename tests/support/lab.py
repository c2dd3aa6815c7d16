"""The `lab` command as a user runs it: a process whose output is text."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import psutil
import redis

from tests.support.actors import TIMEOUT

BACKENDS = ("local", "redis", "rq")
INTERRUPTED = "lab: interrupted; all processes of the run were ended, and nothing was written\n"
COMMAND = str(Path(sys.executable).with_name("lab"))

FinishedLab: TypeAlias = "subprocess.CompletedProcess[str]"


class LabProcess:
    """A running `lab` command, and all processes and files that it has created."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        self.temporary = Path(tempfile.mkdtemp(prefix="t-"))  # short: multiprocessing creates sockets below it
        self._marker = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=os.environ | {"LAB_TEST_MARKER": self._marker, "TMPDIR": str(self.temporary), "COLUMNS": "80"},
            start_new_session=True,
        )

    def finish(self, timeout: float = 3 * TIMEOUT) -> FinishedLab:
        """Wait for its end and return its exit status and output."""
        out, err = self.process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out, err)

    def alive(self) -> list[psutil.Process]:
        """Return every live process that inherited this lab's environment, whatever its parent is now."""
        return [process for process in psutil.process_iter() if self._is_descendant(process)]

    def _is_descendant(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("LAB_TEST_MARKER") == self._marker and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def events(self, client: redis.Redis) -> str:
        """Return what the actors have recorded so far, in files and on the server."""
        files = "".join(path.read_text() for path in self.temporary.glob("lab-*/trace"))
        streams = [client.xrange(key) for key in client.keys("lab:*:trace")]
        return files + str(streams)

    def close(self) -> None:
        """Kill all processes that are left, and remove the files."""
        for process in self.alive():
            process.send_signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        shutil.rmtree(self.temporary)


StartLab: TypeAlias = Callable[..., LabProcess]
RunLab: TypeAlias = Callable[..., FinishedLab]


def table_rows(text: str) -> dict[str, list[str]]:
    """Return the rows of a report's table by their first cell."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    return {first: rest for first, *rest in rows}


def compare_backends(
    lab: RunLab, folder: Path, *arguments: object, status: int = 0
) -> dict[tuple[str, str], dict[str, Any]]:
    """Run `lab compare`; return the figures of each variant and backend. `lab check` must return the same status."""
    done = lab("compare", *arguments, "--json", "figures", "--trace", "traces")
    assert (done.returncode, done.stderr) == (status, ""), done.stdout + done.stderr
    assert lab("check", "traces").returncode == status
    runs = json.loads((folder / "figures").read_text())["runs"]
    return {(run["variant"], run["backend"]): run for run in runs}
