"""A process that is a job behaves like multiprocessing's own; each test here runs with both."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import re
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import wait

import psutil
import pytest

import jobs
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until


def run(ctx, target, *args):
    process = ctx.Process(target=target, args=args)
    process.start()
    process.join(TIMEOUT)
    return process


def test_a_process_runs_with_its_own_pid_and_ends(either):
    pids = either.SimpleQueue()
    process = either.Process(target=lambda: pids.put(os.getpid()))
    assert (process.exitcode, process.pid, process.ident, process.is_alive()) == (None, None, None, False)
    process.start()
    process.join()
    assert (process.exitcode, process.is_alive()) == (0, False)
    assert process.pid == process.ident == pids.get() != os.getpid()


def test_a_process_knows_its_parent(either):
    results = either.SimpleQueue()

    def report():
        parent = multiprocessing.parent_process()
        parent.join(0.01)
        results.put((parent.pid, parent.name, parent.is_alive(), wait([parent.sentinel], timeout=0.01)))

    assert run(either, report).exitcode == 0
    assert results.get() == (os.getpid(), multiprocessing.current_process().name, True, [])


class Room(ctypes.Structure):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char * 8))


def book(total, rooms, seconds):
    with total.get_lock():
        total.value += 1
    rooms[1].number += 1
    rooms[1].name = b"second"
    seconds[::2] = [0.5, 1.5]


def test_values_and_arrays_are_shared(either):
    total, seconds = either.Value("q", 2**40), either.RawArray("d", 3)
    rooms = either.Array(Room, [(1, b"first"), (2, b"")])
    for _ in range(2):
        assert run(either, book, total, rooms, seconds).exitcode == 0
    assert (total.value, rooms[1].number, rooms[1].name, seconds[:]) == (2**40 + 2, 4, b"second", [0.5, 0, 1.5])


def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()


@pytest.mark.parametrize(
    ("target", "args", "exitcode"),
    [
        (int, (), 0),
        (int, ("many",), 1),
        (sys.exit, (), 0),
        (sys.exit, (3,), 3),
        (sys.exit, ("sorry",), 1),
        (os._exit, (0,), 0),
        (os._exit, (4,), 4),
        (lambda: os.kill(os.getpid(), signal.SIGUSR1), (), -signal.SIGUSR1),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), (), -signal.SIGKILL),
        (lambda: interrupted(), (), 1),
    ],
)
def test_exit_codes(either, target, args, exitcode):
    assert run(either, target, *args).exitcode == exitcode


def test_the_traceback_of_an_exception_is_printed_by_the_parent(either, capfd):
    def buy():
        raise LookupError("no such room")

    process = run(either, buy)
    lines = capfd.readouterr().err.splitlines()
    assert lines[:2] == [f"Process {process.name}:", "Traceback (most recent call last):"]
    assert lines[-1] == "LookupError: no such room"


def test_the_message_of_sys_exit_is_printed_by_the_parent(either, capfd):
    run(either, sys.exit, "sorry")
    assert capfd.readouterr().err == "sorry\n"


def test_a_subclass_with_its_own_run_and_attributes(either):
    class Viewer(either.Process):
        def __init__(self, person, told):
            super().__init__()
            self.person = person
            self.told = told

        def run(self):
            current = multiprocessing.current_process()
            self.told.put((self.person, self.name, self.pid, current is self, current.name, current.daemon))

    told = either.SimpleQueue()
    viewer = Viewer("哪吒", told)
    viewer.daemon = True
    viewer.start()
    viewer.join(TIMEOUT)
    assert re.fullmatch(r"Viewer-\d+", viewer.name)
    assert told.get() == ("哪吒", viewer.name, viewer.pid, True, viewer.name, True)


def test_names_count_up_unless_given(either):
    first, second = either.Process().name, either.Process().name
    assert int(second.rpartition("-")[2]) == int(first.rpartition("-")[2]) + 1
    process = either.Process(name="buyer")
    process.name = "seller"
    assert process.name == "seller"
    assert "name='seller'" in repr(process)


def test_a_grandchild(either):
    told = either.SimpleQueue()

    def parent():
        process = either.Process(target=lambda: told.put(multiprocessing.parent_process().name))
        told.put(process.name)
        process.start()  # it is joined when this process ends

    process = run(either, parent)
    assert process.exitcode == 0
    assert [told.get(), told.get()] == [f"{process.name}:1", process.name]


def test_a_daemon_may_not_have_children(either):
    told = either.SimpleQueue()

    def parent():
        try:
            either.Process().start()
        except AssertionError as error:
            told.put(str(error))

    either.Process(target=parent, daemon=True).start()
    assert told.get() == "daemonic processes are not allowed to have children"


def test_a_process_terminates_its_daemons_when_it_ends(either):
    started, never = either.Semaphore(0), either.Event()

    def daemon():
        started.release()
        never.wait()

    def parent():
        either.Process(target=daemon, daemon=True).start()
        started.acquire()

    assert run(either, parent).exitcode == 0


def test_errors(either):
    with pytest.raises(AssertionError, match="group argument must be None"):
        either.Process("group")
    process = either.Process(target=int)
    with pytest.raises(AssertionError, match="can only join a started process"):
        process.join()
    with pytest.raises(ValueError, match="process not started"):
        process.sentinel  # noqa: B018
    process.start()
    with pytest.raises(AssertionError, match="cannot start a process twice"):
        process.start()
    with pytest.raises(AssertionError, match="process has already started"):
        process.daemon = True
    process.join(TIMEOUT)
    process.close()
    with pytest.raises(ValueError, match="process object is closed"):
        process.join()


def test_a_process_that_runs_cannot_be_closed(either):
    go = either.Event()
    process = either.Process(target=go.wait)
    process.start()
    with pytest.raises(ValueError, match="Cannot close a process while it is still running"):
        process.close()
    go.set()
    process.join(TIMEOUT)


@pytest.mark.parametrize("timeout", [float("nan"), "1", 1j])
def test_join_refuses_what_is_not_a_timeout(either, timeout):
    go = either.Event()
    process = either.Process(target=go.wait)
    process.start()
    with pytest.raises((ValueError, TypeError)):
        process.join(timeout)
    go.set()
    process.join(TIMEOUT)
    assert process.exitcode == 0


def test_join_returns_after_its_timeout(either):
    go = either.Event()
    process = either.Process(target=go.wait)
    process.start()
    process.join(0.1)
    assert (process.exitcode, process.is_alive()) == (None, True)
    assert process in multiprocessing.active_children()
    assert not wait([process.sentinel], 0)
    go.set()
    assert wait([process.sentinel], TIMEOUT)
    process.join(TIMEOUT)
    assert process.exitcode == 0
    assert process not in multiprocessing.active_children()
    assert wait([process.sentinel], 0)


def test_threads_may_join_together(either):
    process = either.Process(target=int)
    process.start()
    seen = []
    threads = [threading.Thread(target=lambda: (process.join(), seen.append(process.exitcode))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert set(seen) <= {0, None}  # multiprocessing sets the exit code for one of them only
    assert process.exitcode == 0


def busy():
    """Keep all other threads of this process from running."""
    sys.setswitchinterval(1e6)
    while True:
        pass


@pytest.fixture
def running(either):
    """Starts a process, and waits until it runs."""

    def start(target=signal.pause):
        started = either.Event()
        process = either.Process(target=lambda: (started.set(), target()))
        process.start()
        assert started.wait(TIMEOUT)
        return process

    return start


@pytest.mark.parametrize("target", [signal.pause, lambda: busy()])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_is_terminated_or_killed(running, number, target):
    process = running(target)
    process.terminate() if number == signal.SIGTERM else process.kill()
    process.join(TIMEOUT)
    assert (process.exitcode, process.is_alive()) == (-number, False)
    process.terminate()
    process.kill()  # it has ended already
    assert process.exitcode == -number


def test_a_process_may_handle_sigterm(either):
    ready = either.Event()

    def careful():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        ready.set()
        while True:
            time.sleep(0.01)  # a signal just before `signal.pause` does not end it

    process = either.Process(target=careful)
    process.start()
    assert ready.wait(TIMEOUT)
    process.terminate()
    process.join(TIMEOUT)
    assert process.exitcode == 7


def test_a_paused_process_is_alive_and_can_be_killed(either):
    pids = either.SimpleQueue()
    process = either.Process(target=lambda: (pids.put(os.getpid()), signal.pause()))
    process.start()
    paused = psutil.Process(pids.get())
    paused.suspend()
    wait_until(lambda: paused.status() == psutil.STATUS_STOPPED)
    process.terminate()
    process.join(3)  # longer than the lease of a job's liveness lock
    assert (process.exitcode, process.is_alive()) == (None, True)
    process.kill()
    process.join(TIMEOUT)
    assert process.exitcode == -signal.SIGKILL


def test_a_socket_is_handed_over(either):
    ours, theirs = socket.socketpair()

    def talk(connection):
        with suppress(EOFError):
            connection.sendall(connection.recv(1024).upper())

    process = either.Process(target=talk, args=(theirs,))
    process.start()
    theirs.close()
    with ours:
        ours.sendall(b"hello")
        assert ours.recv(1024) == b"HELLO"
        process.join(TIMEOUT)
        assert ours.recv(1024) == b""  # no other process has the other end open


def test_a_main_module_without_a_file_has_no_name_of_one(either):
    """As here, where tests run in parallel: inspect takes whatever has a `__file__` for a module with a file."""
    process = either.Process(target=lambda: sys.exit(getattr(sys.modules["__main__"], "__file__", "") is None))
    process.start()
    process.join(TIMEOUT)
    assert process.exitcode == 0


def test_what_renews_leases_goes_with_a_context(url):
    with jobs.Context(url, keeper="process") as ctx:
        _, arguments = ctx.__reduce__()
        assert arguments[0] == ctx.url == f"{url}#keeper=process"
