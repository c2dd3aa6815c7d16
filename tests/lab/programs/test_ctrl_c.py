"""Ctrl-C in a terminal reaches the processes of a program as with Python, and the program decides.

The programs wait in a loop: a signal just before a long sleep is handled only after it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.lab import COMMAND
from tests.support.terminal import CTRL_C, Terminal

Run = Callable[[Path], Terminal]


@pytest.fixture(params=["local", pytest.param("redis", marks=pytest.mark.slow), "rq"])
def run(request: pytest.FixtureRequest, url: str) -> Iterator[Run]:
    """Runs a program in a terminal, on each backend."""
    terminals = []

    def run(program: Path) -> Terminal:
        options = ["--on", request.param, "--redis-url", url, "--workers", "3"]
        terminals.append(Terminal([COMMAND, "run", program, *options], program.parent, {}))
        return terminals[-1]

    yield run
    for terminal in terminals:
        terminal.close()


def test_children_that_ignore_it_live_on_and_are_joined(run: Run, program: Callable[..., Path]):
    path = program(
        """
        import signal, time
        from multiprocessing import Event, Process

        def work(stop, number):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            print(f"worker {number} begins")
            stop.wait()
            print(f"worker {number} has put everything away")

        if __name__ == "__main__":
            stop = Event()
            workers = [Process(target=work, args=(stop, number)) for number in range(2)]
            for worker in workers:
                worker.start()
            try:
                print("program waits")
                while True:
                    time.sleep(0.01)
            except KeyboardInterrupt:
                print("asked to stop")
                stop.set()
            for worker in workers:
                worker.join()
            print("exit codes", [worker.exitcode for worker in workers])
        """
    )
    terminal = run(path)
    terminal.read_until("begins", times=2)
    terminal.read_until("program waits")
    terminal.press(CTRL_C)
    assert terminal.finish() == 0
    for line in ("worker 0 has put everything away", "worker 1 has put everything away", "exit codes [0, 0]"):
        assert line in terminal.text


CATCHES = """
    import signal, time
    from multiprocessing import Process

    def work():
        try:
            print("begins")
            while True:
                time.sleep(0.01)
        except KeyboardInterrupt:
            print("handled")
"""


def test_children_that_catch_it_run_their_handler_each_time(run: Run, program: Callable[..., Path]):
    path = program(
        CATCHES
        + """
    def work_twice():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        work()
        work()

    if __name__ == "__main__":
        signal.signal(signal.SIGINT, lambda *_: None)  # the child gets it, whatever its parent does
        worker = Process(target=work_twice)
        worker.start()
        worker.join()
        print("exit code", worker.exitcode)
    """
    )
    terminal = run(path)
    for times in (1, 2):
        terminal.read_until("begins", times)
        terminal.press(CTRL_C)
        terminal.read_until("handled", times)
    assert terminal.finish() == 0
    assert terminal.text.count("handled") == 2
    assert "exit code 0" in terminal.text


def test_children_that_do_not_handle_it_end_and_so_does_the_program(run: Run, program: Callable[..., Path]):
    """A child of a child gets it, too, also if its parent ignores it by then."""
    path = program(
        """
        import signal, time
        from multiprocessing import Process

        def leaf():
            print("leaf begins")
            while True:
                time.sleep(0.01)

        def branch():
            child = Process(target=leaf)
            child.start()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            print("branch waits")
            child.join()
            print("leaf ended with", child.exitcode)

        if __name__ == "__main__":
            child = Process(target=branch)
            child.start()
            print("program waits")
            child.join()
        """
    )
    terminal = run(path)
    for line in ("leaf begins", "branch waits", "program waits"):
        terminal.read_until(line)
    terminal.press(CTRL_C)
    assert terminal.finish() == 130
    assert "leaf ended with 1" in terminal.text
    assert terminal.text.count("KeyboardInterrupt") == 2  # the program's and the leaf's


def test_a_pool_that_was_started_while_it_was_ignored_finishes(run: Run, program: Callable[..., Path]):
    path = program(
        """
        import signal, time
        from multiprocessing import Pool

        def work(number):
            print("begins")
            time.sleep(0.5)
            return number

        if __name__ == "__main__":
            previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
            with Pool(2) as pool:
                signal.signal(signal.SIGINT, previous)
                result = pool.map_async(work, range(4), chunksize=1)
                try:
                    print("program waits")
                    while True:
                        time.sleep(0.01)
                except KeyboardInterrupt:
                    print("results", result.get())
        """
    )
    terminal = run(path)
    terminal.read_until("begins", times=2)
    terminal.read_until("program waits")
    terminal.press(CTRL_C)
    assert terminal.finish() == 0
    assert "results [0, 1, 2, 3]" in terminal.text


def test_a_signal_to_the_program_alone_does_not_reach_its_children(run: Run, program: Callable[..., Path]):
    path = program(
        CATCHES
        + """
    if __name__ == "__main__":
        import os
        worker = Process(target=work)
        worker.start()
        try:
            print(f"program {os.getpid()} waits")
            while True:
                time.sleep(0.01)
        except KeyboardInterrupt:
            print("the program goes on")
        worker.join()
    """
    )
    terminal = run(path)
    terminal.read_until("begins")
    terminal.read_until(" waits")
    pid = int(terminal.text.partition("program ")[2].split()[0])
    os.kill(pid, signal.SIGINT)
    terminal.read_until("the program goes on")
    assert "handled" not in terminal.text
    terminal.press(CTRL_C)
    terminal.finish()
    assert terminal.text.count("handled") == 1
