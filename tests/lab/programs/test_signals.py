"""Signals end a program with all its processes, and leave nothing on the server."""

from __future__ import annotations

import os
import signal

import pytest

from tests.lab.programs.conftest import Program
from tests.support.lab import RunLab, StartLab
from tests.support.waiting import wait_until

SLOW = """
    import time
    from multiprocessing import Event, Process

    def sleep(up):
        up.set()
        while True:
            time.sleep(0.01)  # a signal just before a sleep does not shorten it

    if __name__ == "__main__":
        up = Event()
        Process(target=sleep, args=(up,)).start()
        up.wait()
        print("up")
"""


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGHUP, 128 + signal.SIGHUP), (signal.SIGKILL, -9)],
)
def test_a_signal_ends_the_program_and_all_its_children(
    start: StartLab, program: Program, where: list[object], number: int, status: int
):
    session = start("run", program(SLOW), *where)
    assert session.process.stdout is not None
    assert session.process.stdout.readline() == "up\n"
    session.process.send_signal(number)
    assert session.finish().returncode == status
    wait_until(lambda: not session.alive())


@pytest.mark.parametrize("joins", [True, False])
def test_ctrl_c_reaches_the_program_and_its_children(
    start: StartLab, program: Program, where: list[object], joins: bool
):
    """While it joins its child, and while multiprocessing joins the child after the end of the program's code."""
    session = start("run", program(SLOW + (8 * " " + "while True: time.sleep(0.01)\n" if joins else "")), *where)
    assert session.process.stdout is not None
    assert session.process.stdout.readline() == "up\n"
    os.killpg(session.process.pid, signal.SIGINT)
    done = session.finish()
    assert done.returncode == 130 or not joins
    wait_until(lambda: not session.alive())


@pytest.mark.parametrize("backend", ["redis", "rq"])
def test_ctrl_c_as_the_exit_function_is_called_leaves_no_keys(lab: RunLab, program: Program, url: str, backend: str):
    path = program(
        """
        import atexit, ctypes, signal
        from multiprocessing import Event, Process, util

        if __name__ == "__main__":
            done = Event()
            Process(target=done.set).start()
            done.wait()
            raise_signal = getattr(ctypes.CDLL(None), "raise")  # Python handles it in the next call
            atexit.unregister(util._exit_function)
            atexit.register(util._exit_function)
            atexit.register(raise_signal, signal.SIGINT)  # it is called first, and the exit function next
        """
    )
    lab("run", path, "--on", backend, "--redis-url", url)
