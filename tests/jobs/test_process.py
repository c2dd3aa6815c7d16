"""A Process that is an RQ job behaves as multiprocessing's does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import rq

import jobs
from broker import Lock
from jobs.workers import client


def hold(lock: Lock) -> int | None:
    with lock:
        return lock.fence


def test_runs_elsewhere_and_ends_with_0(ctx):
    process = ctx.Process(target=lambda: None)
    assert (process.exitcode, process.pid, process.is_alive()) == (None, None, False)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert process.host == socket.gethostname()
    assert process.pid not in (None, os.getpid())
    assert not process.is_alive()


def test_arguments_and_handles_arrive(ctx):
    queue, lock, done = ctx.Semaphore(0), ctx.Lock(), ctx.Event()

    def target(times, *, lock):
        for _ in range(times):
            queue.release()
        with lock:
            done.set()

    with lock:
        process = ctx.Process(target=target, args=(3,), kwargs={"lock": lock})
        process.start()
        assert all(queue.acquire(timeout=30) for _ in range(3))
        assert not done.is_set()
    assert done.wait(30)
    process.join()
    assert process.exitcode == 0


def test_names_count_up_unless_given(ctx):
    assert ctx.Process(name="buyer").name == "buyer"
    first, second = ctx.Process().name, ctx.Process().name
    assert int(second.removeprefix("Process-")) == int(first.removeprefix("Process-")) + 1


def test_join_gives_up_after_its_timeout(ctx):
    go = ctx.Event()
    process = ctx.Process(target=go.wait)
    process.start()
    process.join(timeout=0.1)
    assert process.exitcode is None
    assert process.is_alive()
    go.set()
    process.join()
    assert process.exitcode == 0


@pytest.mark.parametrize(("status", "expected"), [(None, 0), (3, 3), ("sorry", 1)])
def test_exit_status(ctx, status, expected):
    process = ctx.Process(target=sys.exit, args=(status,))
    process.start()
    process.join()
    assert process.exitcode == expected


def test_an_exception_is_1_and_its_traceback_is_where_rq_puts_it(ctx):
    def target():
        raise LookupError("no such room")

    process = ctx.Process(target=target)
    process.start()
    process.join()
    assert process.exitcode == 1
    assert "LookupError: no such room" in ctx.jobs[-1].latest_result(timeout=10).exc_string


def test_a_killed_job_is_known_to_be_dead(ctx):
    go = ctx.Event()
    process = ctx.Process(target=lambda: (go.wait(), os.kill(os.getpid(), signal.SIGKILL)))
    process.start()
    go.set()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not process.is_alive()


def test_a_job_that_its_worker_cannot_begin_does_not_hang_its_parent(url):
    with jobs.get_context(url, queue="deserted") as context:
        process = context.Process(target=print)
        process.start()
        context.jobs[0].set_status(rq.job.JobStatus.FAILED)  # as RQ does when it cannot import the function
        process.join()
        assert process.exitcode == 1


def test_misuse_is_an_assertion_error_as_in_multiprocessing(ctx):
    with pytest.raises(AssertionError, match="can only join a started process"):
        ctx.Process().join()
    process = ctx.Process(target=print)
    process.start()
    with pytest.raises(AssertionError, match="cannot start a process twice"):
        process.start()
    process.join()
    with pytest.raises(AssertionError, match="group argument must be None"):
        ctx.Process(group="friends")


def test_a_function_of_main_travels_by_value(url, workers, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import jobs, sys\n"
        "ROOMS = 4\n"
        "def target(total):\n"
        "    for _ in range(ROOMS): total.release()\n"
        "if __name__ == '__main__':\n"
        "    with jobs.get_context(sys.argv[1]) as ctx:\n"
        "        total = ctx.Semaphore(0)\n"
        "        process = ctx.Process(target=target, args=(total,))\n"
        "        process.start(); process.join()\n"
        "        print(process.exitcode, total.get_value())\n"
    )
    run = subprocess.run(
        [sys.executable, program, url], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True
    )
    assert run.stdout.split() == ["0", "4"]


def test_plain_rq_takes_a_handle_and_a_plain_worker_serves(url, workers):
    with client(url) as connection, jobs.get_context(url) as context:
        lock = context.Lock()
        job = rq.Queue("plain", connection=connection).enqueue(hold, lock)
        process = jobs.get_context(url, queue="plain").Process(target=lock.acquire)
        process.start()
        command = [Path(sys.executable).with_name("rq"), "worker", "--quiet", "--burst", "--url", url, "plain"]
        subprocess.run(command, check=True, timeout=60, cwd=Path(__file__).parents[2])
        assert job.latest_result(timeout=10).return_value > 0
        assert process.exitcode == 0


def test_closing_the_context_deletes_its_jobs(url, workers):
    with client(url) as connection:
        with jobs.get_context(url) as context:
            process = context.Process(target=context.Event().is_set)
            process.start()
            process.join()
            identity = context.jobs[0].id
            assert [key for key in connection.scan_iter() if identity.encode() in key]
        assert not [key for key in connection.scan_iter() if identity.encode() in key]
