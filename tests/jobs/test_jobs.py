"""What differs for a process that is a job: a queue, a worker, a record in RQ."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import rq

import jobs
from broker import Lock
from broker.transport.address import without_password
from jobs.exchange.client import client
from tests.support.actors import TIMEOUT
from tests.support.rq_worker import RQ_MAINTENANCE_KEY
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]


def hold(lock: Lock) -> int | None:
    with lock:
        return lock.fence


def test_arguments_and_handles_arrive(ctx):
    total, lock, done = ctx.Semaphore(0), ctx.Lock(), ctx.Event()

    def target(times, *, lock):
        for _ in range(times):
            total.release()
        with lock:
            done.set()

    with lock:
        process = ctx.Process(target=target, args=(3,), kwargs={"lock": lock})
        process.start()
        assert all(total.acquire(timeout=TIMEOUT) for _ in range(3))
        assert not done.is_set()
    assert done.wait(TIMEOUT)
    process.join()
    assert process.exitcode == 0
    assert process.host == socket.gethostname()


def test_the_return_value_is_rqs_result(ctx):
    process = ctx.Process(target=lambda: {"sold": 5})
    process.start()
    process.join()
    assert process.job.latest_result(timeout=TIMEOUT).return_value == {"sold": 5}


@pytest.mark.parametrize("picklable", [True, False])
def test_the_traceback_is_rqs_result(ctx, capfd, picklable):
    def target():
        raise LookupError("no such room", None if picklable else threading.Lock())

    process = ctx.Process(target=target)
    process.start()
    process.join()
    assert process.exitcode == 1
    found = process.job.latest_result(timeout=TIMEOUT).exc_string
    assert "in target" in found
    assert re.search(r"LookupError.*no such room", found)


@pytest.mark.parametrize("target", [threading.Lock, lambda: sys.exit(3)])
def test_a_return_value_that_cannot_be_pickled_changes_nothing(ctx, target):
    process = ctx.Process(target=target)
    process.start()
    process.join()
    assert process.exitcode == (0 if target is threading.Lock else 3)
    assert process.job.latest_result(timeout=TIMEOUT)


def test_rq_records_a_killed_process_as_failed(ctx):
    process = ctx.Process(target=lambda: os.kill(os.getpid(), signal.SIGKILL), name="victim")
    process.start()
    process.join()
    assert "victim ended with exit code -9" in process.job.latest_result(timeout=TIMEOUT).exc_string


def test_arguments_that_cannot_be_pickled_are_an_error_at_the_start(ctx):
    process = ctx.Process(target=print, args=((number for number in range(3)),))
    with pytest.raises(TypeError, match="pickle"):
        process.start()
    assert not process.is_alive()


def test_a_module_that_the_worker_does_not_have_is_an_error_there(ctx, capfd, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def target(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    from only_here import target

    shutil.rmtree(tmp_path)  # as on a host that does not have it
    process = ctx.Process(target=target)
    process.start()
    process.join()
    assert process.exitcode == 1
    assert capfd.readouterr().err.endswith("ModuleNotFoundError: No module named 'only_here'\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_waits_for_a_worker_ends_at_once(url, number):
    with jobs.get_context(url, queue="deserted") as context:
        process = context.Process(target=print)
        process.start()
        assert process.is_alive()
        process.terminate() if number == signal.SIGTERM else process.kill()
        assert (process.exitcode, process.pid) == (-number, None)
        assert not rq.Queue("deserted", connection=process.job.connection).job_ids


def test_more_processes_than_workers_wait_for_a_worker(ctx):
    go = ctx.Event()
    processes = [ctx.Process(target=go.wait) for _ in range(5)]
    for process in processes:
        process.start()
    go.set()
    for process in processes:
        process.join(TIMEOUT)
    assert [process.exitcode for process in processes] == [0] * 5


def test_the_parent_of_a_job_that_rq_could_not_run_does_not_hang(url, capfd):
    with jobs.get_context(url, queue="deserted") as context:
        process = context.Process(target=print, name="orphan")
        process.start()
        worker = rq.Worker(["deserted"], connection=client(url))
        worker.handle_job_failure(process.job, worker.queues[0], exc_string="the worker's ModuleNotFoundError")
        process.join(TIMEOUT)
        assert process.exitcode == 1
        assert capfd.readouterr().err == "orphan did not start: the worker's ModuleNotFoundError\n"


def test_the_parent_of_a_deleted_job_does_not_hang(url):
    with jobs.get_context(url, queue="deserted") as context:
        process = context.Process(target=print)
        process.start()
        process.job.delete()
        process.join(TIMEOUT)
        assert process.exitcode == 1


def test_a_function_of_main_is_pickled_by_value(url, workers, tmp_path):
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
    run = subprocess.run([sys.executable, program, url], capture_output=True, text=True, cwd=ROOT, check=True)
    assert run.stdout.split() == ["0", "4"]


def test_plain_rq_runs_jobs_with_handles_and_processes(url, workers, capfd):
    with client(url) as connection, jobs.get_context(url) as context, jobs.get_context(url, queue="plain") as plain:
        lock = context.Lock()
        job = rq.Queue("plain", connection=connection).enqueue(hold, lock)
        process = plain.Process(target=lambda: print(lock.acquire()))
        process.start()
        command = [Path(sys.executable).with_name("rq"), "worker", "--quiet", "--burst", "--url", url, "plain"]
        subprocess.run(command, check=True, timeout=TIMEOUT, cwd=ROOT)
        assert job.latest_result(timeout=TIMEOUT).return_value > 0
        process.join(TIMEOUT)
        assert process.exitcode == 0
        assert "True\n" in capfd.readouterr().out
        job.delete()


def test_a_closed_context_leaves_no_keys(url, workers, connection):
    before = {*connection.scan_iter(), b"rq:queues"}  # the queue stays on RQ's list while workers listen on it
    with jobs.get_context(url) as context:
        ended, waiting = context.Process(target=print, args=("hello",)), context.Process(target=context.Event().wait)
        nested = context.Process(target=lambda: context.Process(target=context.Lock().acquire).start())
        for process in (ended, nested):
            process.start()
            process.join(TIMEOUT)
            assert process.exitcode == 0
        waiting.start()
        assert set(connection.scan_iter()) - before
    assert waiting.exitcode == -signal.SIGKILL
    assert not multiprocessing.active_children()
    assert not {
        key for key in set(connection.scan_iter()) - before if b"worker" not in key and key != RQ_MAINTENANCE_KEY
    }


def test_a_job_whose_execution_has_no_record_can_be_deleted(url, workers, connection):
    """RQ keeps the id of an execution for a minute longer than its record, if a worker was killed."""
    with jobs.get_context(url) as context:
        process = context.Process(target=print)
        process.start()
        process.join(TIMEOUT)
        key = process.job.execution_registry.key
        connection.zadd(key, {"gone": time.time() + 60})
    assert not connection.exists(key, process.job.key)


def test_processes_without_a_worker_are_warned_of_once(url, monkeypatch, tmp_path):
    # A file, which can be read meanwhile: of what is written while `capfd` is read, some is lost.
    monkeypatch.setattr(sys, "stderr", (tmp_path / "errors").open("w", buffering=1))
    with jobs.get_context(url, queue="deserted") as context:
        processes = [context.Process(target=print) for _ in range(2)]
        for process in processes:
            process.start()
        wait_until(lambda: processes[0].join(0.1) or (tmp_path / "errors").read_text())
        assert not any(process.exitcode for process in processes)
        processes[0].join(2.5)  # for longer than it takes to look twice more
    said = (tmp_path / "errors").read_text()
    sys.stderr.close()
    assert said == (
        f"2 processes wait for a worker: no worker listens on queue 'deserted' of {without_password(url)}; "
        "start some with `lab worker`\n"
    )


def test_processes_that_wait_for_busy_workers_are_counted(ctx, workers, capfd):
    go = ctx.Event()
    processes = [ctx.Process(target=go.wait) for _ in range(5)]
    for process in processes:
        process.start()
    said = ""
    while not said:
        processes[0].join(0.1)
        said = capfd.readouterr().err
    go.set()
    for process in processes:
        process.join(TIMEOUT)
    assert re.fullmatch(
        r"3 processes wait for a worker: the 2 that listen on queue 'lab' of .* are busy; start more with `lab "
        r"worker`\n",
        said,
    )
    assert [process.exitcode for process in processes] == [0] * 5


def test_a_process_that_waits_for_a_worker_for_too_long(url, capfd):
    with jobs.get_context(url, queue="deserted", start_timeout=0.5) as context:
        process = context.Process(target=print, name="late")
        process.start()
        process.join(TIMEOUT)
        assert process.exitcode == 1
        assert not process.job.connection.lrange("rq:queue:deserted", 0, -1)
    assert "late did not start: no worker was free within 0.5 s" in capfd.readouterr().err


@pytest.mark.parametrize("seconds", [0, -1, True, "1", float("nan")])
def test_a_start_timeout_that_is_none(url, seconds):
    with pytest.raises(ValueError, match="start_timeout"):
        jobs.Context(url, start_timeout=seconds)
