"""Local workers: how they start, which jobs they run, and that they exit with their owner."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import rq
from rq.command import send_stop_job_command
from rq.exceptions import StopRequested
from rq.executions import Execution

import jobs
from broker import BrokerError
from broker.server.private_server import PrivateServer
from jobs.exchange.client import client
from jobs.worker.local_worker import LocalWorker
from jobs.worker.local_workers import WorkersError
from jobs.worker.worker import Worker
from tests.support.actors import TIMEOUT

ROOT = Path(__file__).parents[3]
OWNER = """
import sys, jobs
with jobs.Workers(sys.argv[1], "owned", 2), jobs.get_context(sys.argv[1], queue="owned") as ctx:
    began, never = ctx.Event(), ctx.Event()
    ctx.Process(target=lambda: (began.set(), never.wait())).start()
    began.wait()
    print("running", flush=True)
    sys.stdin.read()
"""


def test_the_worker_count(url):
    assert jobs.worker_count(url, "counted") == 0
    with jobs.Workers(url, "counted", 2):
        assert jobs.worker_count(url, "counted") == 2
    assert jobs.worker_count(url, "counted") == 0


def test_closed_workers_leave_nothing_on_the_server():
    with closing(PrivateServer()) as server, client(server.url) as connection:
        with jobs.Workers(server.url, "tidy", 1), jobs.get_context(server.url, queue="tidy") as context:
            process = context.Process(target=int)
            process.start()
            process.join()
        left = {key: connection.ttl(key) for key in connection.scan_iter()}
        assert all(seconds > 0 for seconds in left.values()), left


def arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # a process of an earlier test
        return []


def test_the_password_is_not_in_the_list_of_processes():
    with closing(PrivateServer()) as server, client(server.url) as connection:
        connection.config_set("requirepass", "open-sesame")
        url = server.url.replace("unix://", "unix://:open-sesame@")
        with jobs.Workers(url, "hidden", 1), jobs.get_context(url, queue="hidden") as context:
            started = context.Event()
            context.Process(target=lambda: (started.set(), signal.pause())).start()
            assert started.wait(TIMEOUT)
            words = [word for process in psutil.Process().children(recursive=True) for word in arguments(process)]
            assert server.program in words
            assert words.count("hidden") == 4  # the program, its supervisor, a worker, its process
            assert "open-sesame" not in " ".join(words)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_workers_and_their_jobs_exit_with_their_owner(url, signum):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"running\n"
        processes = psutil.Process(owner.pid).children(recursive=True)
        assert len(processes) >= 5  # the supervisor, the program, two workers, one job
        os.kill(owner.pid, signum)
    _, alive = psutil.wait_procs(processes, timeout=TIMEOUT)
    assert not alive
    assert jobs.worker_count(url, "owned") == 0
    with client(url) as connection:
        assert b"rq:queue:owned" not in connection.smembers("rq:queues")


def test_a_signal_while_a_worker_is_forked_stops_the_workers(url):
    program = """
import os, signal, sys
from jobs.worker.local_program import run
from jobs.worker.startup import Startup
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGTERM))  # where an exception is lost
run(sys.argv[1], Startup("token", str(os.dup(1)), str(os.dup(2))), "forking", 2, "")
"""
    stopped = subprocess.run([sys.executable, "-c", program, url], cwd=ROOT, timeout=TIMEOUT, check=False)
    assert stopped.returncode == 0


@pytest.mark.usefixtures("signals")
def test_a_signal_that_interrupts_a_destructor_stops_a_local_worker(url, monkeypatch):
    class Interrupted:
        def __del__(self):
            worker.request_stop(signal.SIGTERM, None)

    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: ignored.append(unraisable.exc_type))
    with client(url) as connection:
        worker = LocalWorker(["interrupted"], connection=connection)
        Interrupted()
        assert ignored == [StopRequested]
        with pytest.raises(StopRequested):
            worker.dequeue_job_and_maintain_ttl(None)


@pytest.mark.usefixtures("signals")
def test_a_signal_does_not_interrupt_the_end_of_a_local_worker(url, monkeypatch):
    with client(url) as connection:
        worker = LocalWorker(["ending"], connection=connection)
        worker.register_birth()
        monkeypatch.setattr(worker, "unsubscribe", lambda: worker.request_stop(signal.SIGTERM, None))
        worker.teardown()
    assert jobs.worker_count(url, "ending") == 0


def test_workers_run_in_a_folder_and_import_its_modules(url, tmp_path, monkeypatch):
    (tmp_path / "shop.py").write_text("import os\ndef folder(): return os.getcwd()\n")
    monkeypatch.syspath_prepend(tmp_path)
    from shop import folder

    with jobs.Workers(url, "shop", 1, folder=tmp_path), jobs.get_context(url, queue="shop") as context:
        job = context.enqueue("a plain job", uuid.uuid4().hex, folder)
        assert job.latest_result(timeout=TIMEOUT).return_value == str(tmp_path)
        process = context.Process(target=folder)
        process.start()
        process.join()
        assert process.job.latest_result(timeout=TIMEOUT).return_value == os.getcwd(), "as with multiprocessing"


def test_preloaded_modules_are_imported_once(url):
    with jobs.Workers(url, "ready", 1, preload=["xml.dom"]), jobs.get_context(url, queue="ready") as context:
        process = context.Process(target=lambda: sorted({"xml.dom", "xml.sax"} & set(sys.modules)))
        process.start()
        process.join()
        assert process.job.latest_result(timeout=TIMEOUT).return_value == ["xml.dom"]


def test_plain_jobs_run_in_a_work_horse(url):
    with jobs.Workers(url, "mixed", 1), client(url) as connection:
        queue = rq.Queue("mixed", connection=connection)
        work_horse_jobs = [queue.enqueue(os.getpid) for _ in range(2)]
        first, second = (job.latest_result(timeout=TIMEOUT).return_value for job in work_horse_jobs)
        assert first != second
        for job in work_horse_jobs:
            job.delete()


def test_a_process_that_is_stopped_by_rqs_command_does_not_stop_its_worker(url):
    with jobs.Workers(url, "halted", 1), jobs.get_context(url, queue="halted") as context:
        started = context.Event()
        process = context.Process(target=lambda: (started.set(), signal.pause()))
        process.start()
        assert started.wait(TIMEOUT)
        send_stop_job_command(process.job.connection, process.job.id)
        process.join(TIMEOUT)
        assert process.exitcode == -signal.SIGKILL
        assert process.job.latest_result(timeout=TIMEOUT).type == rq.results.Result.Type.FAILED
        assert process.job.get_status() == "stopped"
        following = context.Process(target=int)
        following.start()
        following.join(TIMEOUT)
        assert following.exitcode == 0


def test_a_worker_sends_heartbeats_while_a_process_runs(url):
    with client(url) as connection:
        worker = Worker(["beats"], connection=connection, job_monitoring_interval=0)
        heartbeats = threading.Semaphore(0)
        execution = Execution("id", "job", connection)

        def send(job, execution):
            connection.hset(execution.key, "last_heartbeat", 1)  # as RQ does, also after the job has been cleaned up
            heartbeats.release()

        worker.maintain_heartbeats = send
        with worker._sending_heartbeats(None, execution):
            assert all(heartbeats.acquire(timeout=TIMEOUT) for _ in range(3))
        assert not connection.exists(execution.key)


FAILURES = {
    "raises": ("raise RuntimeError('no settings')", r"RuntimeError: no settings \(.*shop\.py, line 1\)"),
    "is not Python": ("x = (\n", r"SyntaxError: '\(' was never closed \(.*shop\.py, line 1\)"),
    "exits": ("import sys\nsys.exit('no\\nsettings')", "no settings"),
    "is killed": ("import os\nprint('killed', flush=True)\nos.kill(os.getpid(), 9)", "killed"),
    "writes much": ("import sys\nsys.exit('no ' * 100_000 + 'end')", "(no )*no end"),
    "says nothing": ("import os\nos._exit(3)", None),
}


@pytest.mark.parametrize("what", FAILURES)
def test_workers_whose_modules_cannot_be_imported_are_an_error_at_once(url, tmp_path, what):
    source, reason = FAILURES[what]
    (tmp_path / "shop.py").write_text(source)
    with pytest.raises(WorkersError) as raised:
        jobs.Workers(url, "broken", 2, folder=tmp_path, preload=["shop"])
    sentence = "the RQ workers did not start" + (f": {reason}" if reason else "")
    assert re.fullmatch(sentence, str(raised.value))
    assert len(str(raised.value)) < 600
    assert jobs.worker_count(url, "broken") == 0


def test_workers_that_have_no_server_are_an_error_at_once(tmp_path):
    with pytest.raises(WorkersError, match=r"did not start: .*No such file or directory"):
        jobs.Workers(f"unix://{tmp_path}/none.sock", "broken", 2)


def test_workers_that_their_server_refuses_are_an_error_at_once():
    with closing(PrivateServer()) as server, client(server.url) as connection:
        connection.config_set("maxclients", 3)  # too few for the second worker
        with pytest.raises(WorkersError, match=r"did not start: (max number of clients reached|Error|Connection)"):
            jobs.Workers(server.url, "refused", 2)


def test_workers_without_permissions_are_an_error_at_once():
    with closing(PrivateServer()) as server, client(server.url) as connection:
        connection.acl_setuser("guest", enabled=True, nopass=True, keys="*", commands=["+@connection"])
        with pytest.raises(WorkersError, match=r"did not start: .*no permissions"):
            jobs.Workers(server.url.replace("unix://", "unix://guest:x@"), "forbidden", 2)


@pytest.mark.usefixtures("url")
def test_workers_that_do_not_start_leave_no_process_and_no_descriptor(tmp_path):
    (tmp_path / "shop.py").write_text("raise RuntimeError")
    process = psutil.Process()
    children, descriptors = process.children(recursive=True), process.num_fds()
    with pytest.raises(WorkersError):
        jobs.Workers("unix:///none", "broken", 2, folder=tmp_path, preload=["shop"])
    assert (process.children(recursive=True), process.num_fds()) == (children, descriptors)


def test_workers_that_take_too_long_are_an_error(url, tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.worker.local_workers.START_TIMEOUT", 0.2)
    (tmp_path / "shop.py").write_text("import signal\nsignal.pause()")
    with pytest.raises(BrokerError, match=r"did not start within 0\.2 s"):
        jobs.Workers(url, "stillborn", 1, folder=tmp_path, preload=["shop"])


def test_what_modules_print_at_import_is_shown(url, tmp_path, capfd):
    (tmp_path / "shop.py").write_text("import sys\nprint('opens')\nprint('warns', file=sys.stderr)\n")
    with jobs.Workers(url, "open", 2, folder=tmp_path, preload=["shop"]), client(url) as connection:
        assert sorted(capfd.readouterr().err.split()) == ["opens", "warns"]
        job = rq.Queue("open", connection=connection).enqueue(os.write, 1, b"sells\n")
        assert job.latest_result(timeout=TIMEOUT).return_value == 6
        assert capfd.readouterr().out == "sells\n", "jobs write to the standard output of this process"
        job.delete()


def test_a_module_named_like_a_standard_one_in_the_current_folder_is_not_imported(url, tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise RuntimeError('not the standard one')")
    monkeypatch.chdir(tmp_path)
    with jobs.Workers(url, "beside", 1):
        assert jobs.worker_count(url, "beside") == 1
