"""A process that pauses itself is really stopped, and continues."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

from lab.runtime.pause import pause_process
from tests.support.actors import TIMEOUT


def test_process_is_stopped_and_continues():
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=pause_process, args=(0.5,))
    started = time.monotonic()
    process.start()
    stopped = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert stopped.si_status == signal.SIGSTOP
    process.join(TIMEOUT)
    assert process.exitcode == 0
    assert time.monotonic() - started >= 0.5
