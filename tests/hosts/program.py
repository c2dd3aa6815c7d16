"""Programs that run on a simulated host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import IO

import psutil

from tests.support.actors import TIMEOUT, serve_calls
from tests.support.waiting import wait_until


class Program:
    """A program; its standard output is `output`, unless it was started otherwise."""

    def __init__(self, entered: subprocess.Popen[str]) -> None:
        self._entered = entered  # waits for the program, its only child, and ends as it does
        self.output: IO[str] | None = entered.stdout

    @property
    def pid(self) -> int:
        """Its process id outside its host."""
        wait_until(lambda: psutil.Process(self._entered.pid).children())
        return int(psutil.Process(self._entered.pid).children()[0].pid)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, if it still runs."""
        if self._entered.poll() is None:
            self.signal(signal.SIGKILL)

    def join(self, timeout: float = TIMEOUT) -> int:
        """Wait for its end, and return its exit status."""
        self._entered.send_signal(signal.SIGCONT)  # nsenter stops itself when the program is stopped
        return self._entered.wait(timeout)

    def wait(self) -> int:
        """The same, as subprocess calls it."""
        return self.join()

    def close(self) -> None:
        if self.output is not None:
            self.output.close()


def run_actor(descriptor: int) -> None:
    """Run an actor, for `Host.actor`."""
    pipe = Connection(descriptor)
    serve_calls(pipe, pipe.recv())


ACTOR = [sys.executable, "-c", "import sys; from tests.hosts.program import run_actor; run_actor(int(sys.argv[1]))"]
