"""A program that does something for this process beside it, as long as this process lives."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import ClassVar

from broker.subprocesses.parent_pipe import ParentPipe

RESTART_DELAY = 0.1  # seconds until a program that has ended is restarted

# The program gets this process's import path as arguments, which all users can see; the rest goes through a pipe.
_CODE = "import sys; sys.path[:] = sys.argv[1:]; from {module} import main; main()"


class RestartedProgram(ABC):
    """Runs `main` of a module in a process of its own until `stop`, and restarts it whenever it ends.

    Its standard input is a pipe that reaches end of file when this process ends, in whatever way. It runs in its own
    session, so Ctrl-C does not reach it. A forked child of this process does not keep it alive, and has none.
    """

    _module: ClassVar[str]

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant: a finalizer may need it at any point
        self._stopped = threading.Event()
        self._supervisor: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The process id of the program that runs now."""
        return self._process.pid

    @abstractmethod
    def _launch(self) -> None:
        """Call `_start`."""

    def start(self) -> None:
        """Start it; raise `OSError` or `RuntimeError` if there can be no further process or thread."""
        self._launch()
        supervisor = threading.Thread(target=self._supervise, name=f"supervisor of {self._module}", daemon=True)
        try:
            supervisor.start()
        except BaseException:
            self._end()
            raise
        self._supervisor = supervisor

    def stop(self) -> bool:
        """Stop it, and wait until it has ended; return False if it was stopped before."""
        with self._lock:
            if self._stopped.is_set():
                return False
            self._stopped.set()
            if self._supervisor is None:
                return True
            self._process.kill()
        self._supervisor.join()
        self._parent_pipe.close()
        return True

    def _start(self, first_line: bytes, pass_fds: Collection[int] = ()) -> None:
        """Start the program; it reads `first_line` from its standard input, and inherits `pass_fds`."""
        self._parent_pipe = ParentPipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CODE.format(module=self._module), *sys.path],
                stdin=self._parent_pipe.reader,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=pass_fds,
                start_new_session=True,
            )
        except BaseException:
            self._parent_pipe.close()
            raise
        finally:
            self._parent_pipe.close_reader()
        self._parent_pipe.write(first_line + b"\n")

    def _end(self) -> None:
        self._parent_pipe.close()
        self._process.kill()
        self._process.wait()

    def _supervise(self) -> None:
        while True:
            self._process.wait()
            if self._stopped.wait(RESTART_DELAY):
                return
            with self._lock, contextlib.suppress(OSError):
                if not self._stopped.is_set():
                    self._parent_pipe.close()
                    self._launch()
