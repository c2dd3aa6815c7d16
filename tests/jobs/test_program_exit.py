"""What happens to a program's processes when it exits, for jobs and for multiprocessing's own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.actors import TIMEOUT
from tests.support.rq_worker import RQ_MAINTENANCE_KEY

ROOT = Path(__file__).parents[2]
CONTEXT = """
import multiprocessing, os, sys, time
if sys.argv[1] == "jobs":
    import jobs
    ctx = jobs.Context(sys.argv[2])
else:
    ctx = multiprocessing.get_context("fork")
started, go = ctx.Semaphore(0), ctx.Event()

def daemon():
    print("daemon starts", flush=True)
    started.release()
    go.wait()
    print("daemon ends", flush=True)

def child():
    print("child starts", flush=True)
    started.release()
    time.sleep(0.5)
    print("child ends", flush=True)
"""

DAEMON_AND_CHILD = """
daemon = ctx.Process(target=daemon, daemon=True)
child = ctx.Process(target=child)
for process in daemon, child:
    process.start()
    started.acquire()
print("main ends", flush=True)
"""

# They do not wait for an Event of multiprocessing: one of them could end while it holds the Event's lock.
WAITS = """
def sleep():
    print("child sleeps", flush=True)
    started.release()
    while True:
        time.sleep(0.01)  # a signal just before a sleep does not shorten it

sleeper = ctx.Process(target=sleep)
sleeper.start()
started.acquire()
print("main joins", flush=True)
sleeper.join()
"""


@pytest.fixture(params=["multiprocessing", "jobs"])
def program(request, url, workers):
    started = []

    def start(text):
        running = subprocess.Popen(
            [sys.executable, "-c", CONTEXT + text, request.param, url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        started.append(running)
        return running

    yield start
    for running in started:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)  # also children, which would keep its output open
        running.communicate()


@pytest.mark.parametrize(("last", "status"), [("", 0), ("sys.exit(3)", 3), ("raise KeyError", 1)])
def test_daemons_are_terminated_and_other_children_are_joined(program, last, status):
    running = program(DAEMON_AND_CHILD + last)
    out, err = running.communicate(timeout=TIMEOUT)
    lines = out.splitlines()
    assert sorted(lines) == ["child ends", "child starts", "daemon starts", "main ends"]
    assert lines[-1] == "child ends"
    assert running.returncode == status
    assert ("KeyError" in err) == (status == 1)


def test_ctrl_c_ends_a_program_that_waits_for_its_child(program, connection):
    running = program(WAITS)
    assert {running.stdout.readline() for _ in range(2)} == {"child sleeps\n", "main joins\n"}
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    out, err = running.communicate(timeout=TIMEOUT)
    assert out == ""
    assert err.splitlines().count("KeyboardInterrupt") == 2  # the program's, and its child's
    assert running.returncode == -signal.SIGINT


def test_a_program_that_does_not_close_its_context_leaves_no_keys(url, workers, connection):
    before = set(connection.scan_iter())
    command = [sys.executable, "-c", CONTEXT + DAEMON_AND_CHILD, "jobs", url]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, timeout=TIMEOUT)
    assert not {
        key for key in set(connection.scan_iter()) - before if b"rq:worker" not in key and key != RQ_MAINTENANCE_KEY
    }


def test_a_forked_child_that_closes_the_context_leaves_the_jobs_of_its_parent_alone(ctx):
    go_on = ctx.Event()
    process = ctx.Process(target=go_on.wait)
    process.start()
    child = multiprocessing.get_context("fork").Process(target=ctx.close)
    child.start()
    child.join()
    assert child.exitcode == 0
    go_on.set()
    process.join()
    assert process.exitcode == 0


def test_a_signal_handler_may_close_the_context_during_join(ctx):
    def fail(*_: object) -> None:
        raise AssertionError("deadlock")

    process = ctx.Process(target=signal.pause)
    process.start()
    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(int(TIMEOUT))
    try:
        with process._popen._condition:  # the main thread holds it for a moment in `join`
            ctx.close()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert process.exitcode == -signal.SIGKILL
