"""Ctrl-C for jobs: a process that a terminal interrupts together with this one says so.

A terminal sends SIGINT to each process in the foreground process group, and so to multiprocessing's children, whatever
their parent does with the signal; `kill -INT` sends it to one process. Jobs are in no such group. A process that is in
the group in their place makes the difference known: what reaches it is forwarded to the jobs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from broker.subprocesses.parent_pipe import ParentPipe

REPORTER = str(Path(__file__).with_name("sigint_reporter.py"))
CLOSE_TIMEOUT = 2.0  # seconds for which `close` waits for a call of `on_interrupt`


class InterruptListener:
    """Calls `on_interrupt` in a thread for each SIGINT that is sent to the process group of this process."""

    def __init__(self, on_interrupt: Callable[[], object]) -> None:
        self._on_interrupt = on_interrupt
        self._parent_pipe = ParentPipe()
        previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the reporter inherits that
        try:
            self._reporter = subprocess.Popen(
                [sys.executable, "-I", "-S", REPORTER],
                stdin=self._parent_pipe.reader,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except BaseException:
            self._parent_pipe.close()
            raise
        finally:
            self._parent_pipe.close_reader()
            signal.pthread_sigmask(signal.SIG_SETMASK, previous)
        self._thread = threading.Thread(target=self._run, name="jobs-interrupts", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._parent_pipe.close()
        self._reporter.kill()  # it may be starting still, and so not read the end of the pipe yet
        self._reporter.wait()
        if self._thread is not threading.current_thread():
            self._thread.join(CLOSE_TIMEOUT)

    def _run(self) -> None:
        assert self._reporter.stdout is not None
        with self._reporter.stdout as reports:
            while os.read(reports.fileno(), 64):
                self._on_interrupt()
