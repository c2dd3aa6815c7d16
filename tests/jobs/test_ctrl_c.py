"""Ctrl-C in the terminal of a program that is started with Python reaches its jobs as it reaches local children."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

import jobs
from tests.support.terminal import CTRL_C, Terminal

ROOT = Path(__file__).parents[2]
PROGRAM = """
import multiprocessing, os, signal, sys, time
import jobs

def work():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        print("begins")
        while True:
            time.sleep(0.01)
    except KeyboardInterrupt:
        print("handled")

def local_child():
    child = multiprocessing.Process(target=work)
    child.start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("parent waits")
    child.join()
    print("child ended with", child.exitcode)

def ignore():
    print("waits for a worker")

if __name__ == "__main__":
    ctx = jobs.get_context(sys.argv[1], queue=sys.argv[2])
    PARENT
"""


@pytest.fixture
def run(tmp_path: Path):
    """Runs a program in a terminal, whose main part follows `PROGRAM`."""
    started = []

    def run(url: str, parent: str, queue: str = "lab") -> Terminal:
        path = tmp_path / "program.py"
        path.write_text(PROGRAM.replace("PARENT", textwrap.indent(textwrap.dedent(parent), "    ").strip()))
        started.append(Terminal([sys.executable, "-u", path, url, queue], tmp_path, {"PYTHONPATH": str(ROOT)}))
        return started[-1]

    yield run
    for terminal in started:
        terminal.close()


def test_it_reaches_jobs_whose_parent_ignores_it(url, workers, run):
    terminal = run(
        url,
        """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        child = ctx.Process(target=work)
        child.start()
        child.join()
        print("exit code", child.exitcode)
        """,
    )
    terminal.read_until("begins")
    terminal.press(CTRL_C)
    assert terminal.finish() == 0
    assert terminal.text.count("handled") == 1
    assert "exit code 0" in terminal.text


def test_it_reaches_the_local_children_of_jobs(url, workers, run):
    terminal = run(
        url,
        """
        child = ctx.Process(target=local_child)
        child.start()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("program waits")
        child.join()
        """,
    )
    for line in ("begins", "parent waits", "program waits"):
        terminal.read_until(line)
    terminal.press(CTRL_C)
    assert terminal.finish() == 0
    assert terminal.text.count("handled") == 1
    assert "child ended with 0" in terminal.text


def test_a_job_that_waits_for_a_worker_is_removed(url, run):
    terminal = run(
        url,
        """
        child = ctx.Process(target=work)
        child.start()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("program waits")
        child.join()
        print("exit code", child.exitcode)
        """,
        queue="deserted",
    )
    terminal.read_until("program waits")
    terminal.press(CTRL_C)
    assert terminal.finish() == 0
    assert "exit code -2" in terminal.text


def test_a_job_that_waits_for_a_worker_and_ignores_it_is_kept(url, run):
    terminal = run(
        url,
        """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        child = ctx.Process(target=ignore)
        child.start()
        print("program waits")
        child.join()
        print("exit code", child.exitcode)
        """,
        queue="late",
    )
    terminal.read_until("program waits")
    terminal.press(CTRL_C)
    with jobs.Workers(url, "late", 1):
        assert terminal.finish() == 0
    assert "exit code 0" in terminal.text


def test_a_program_can_keep_it_to_itself(url, workers, run):
    terminal = run(
        url,
        """
        ctx = jobs.get_context(sys.argv[1], forward_interrupts=False)
        child = ctx.Process(target=work)
        child.start()
        try:
            print("program waits")
            child.join()
        except KeyboardInterrupt:
            child.terminate()
            child.join()
            print("exit code", child.exitcode)
        """,
    )
    terminal.read_until("begins")
    terminal.read_until("program waits")
    terminal.press(CTRL_C)
    assert terminal.finish() == 0
    assert "exit code -15" in terminal.text
    assert "handled" not in terminal.text


@pytest.mark.parametrize("enqueued", [False, True])
def test_a_process_whose_start_is_interrupted_does_not_run(url, connection, monkeypatch, tmp_path, enqueued):
    marker = tmp_path / "ran"
    with jobs.get_context(url, queue="interrupted") as ctx:
        enqueue = ctx.enqueue

        def interrupted(name, job_id, function, *arguments):
            if enqueued:
                enqueue(name, job_id, function, *arguments)
            raise KeyboardInterrupt

        monkeypatch.setattr(ctx, "enqueue", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ctx.Process(target=marker.touch).start()
        monkeypatch.undo()
        with jobs.Workers(url, "interrupted", 1):
            later = ctx.Process(target=int)
            later.start()
            later.join()
            assert later.exitcode == 0
    assert not marker.exists()
    assert not [key for key in connection.scan_iter() if b"interrupted" in key]


def test_a_process_whose_start_is_interrupted_after_a_worker_took_it_is_killed(url, workers, monkeypatch, tmp_path):
    with jobs.get_context(url) as ctx:
        started, go = ctx.Event(), ctx.Event()
        marker = tmp_path / "ran"

        def work():
            started.set()
            go.wait()
            marker.touch()

        def interrupted(*arguments):
            real(*arguments)
            started.wait()
            raise KeyboardInterrupt

        real = ctx.enqueue
        monkeypatch.setattr(ctx, "enqueue", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ctx.Process(target=work).start()
        monkeypatch.undo()
        busy = [ctx.Process(target=int) for _ in range(2)]
        for process in busy:
            process.start()
        for process in busy:
            process.join()
        go.set()
    assert not marker.exists()
