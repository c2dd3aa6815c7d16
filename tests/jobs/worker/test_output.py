"""The parent prints the output of a process while it runs."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys

import pytest

from broker.messages.queues import Queue
from jobs.exchange.status import MAXSIZE, Exited, Started, StatusWriter
from jobs.worker.output_order import Acknowledgements
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

STREAMS = [(1, b"out"), (2, b"err")]


@pytest.fixture
def messages(monkeypatch):
    """What is received of the output of processes, message by message."""
    received = []
    monkeypatch.setattr("jobs.exchange.status._write", received.append)
    return received


def run(ctx, target, *args):
    process = ctx.Process(target=target, args=args)
    process.start()
    process.join(TIMEOUT)
    assert process.exitcode is not None
    return process


def test_lines_keep_their_order_and_are_complete_after_join(either, capfd):
    def target():
        for number in range(1000):
            print("剩余票数", number)

    run(either, target)
    assert capfd.readouterr().out.splitlines() == [f"剩余票数 {number}" for number in range(1000)]


def test_standard_output_and_standard_error_stay_separate(either, capfd):
    run(either, lambda: (print("out"), print("err", file=sys.stderr), os.write(1, b"raw\n")))
    out, err = capfd.readouterr()
    assert (sorted(out.split()), err) == (["out", "raw"], "err\n")


def test_output_of_a_command_is_printed_too(either, capfd):
    run(either, lambda: subprocess.run(["echo", "hello"], check=True))
    assert capfd.readouterr().out == "hello\n"


def test_much_output_is_complete(either, capfd):
    def target():
        for number in range(200):
            print(f"{number:03}" * 10_000)

    run(either, target)
    assert capfd.readouterr().out == "".join(f"{number:03}" * 10_000 + "\n" for number in range(200))


def test_output_of_a_killed_process_is_not_lost(ctx, capfd):
    run(ctx, lambda: (print("last line"), os.kill(os.getpid(), signal.SIGKILL)))
    assert capfd.readouterr().out == "last line\n"


def test_lines_are_printed_while_the_process_runs(ctx, monkeypatch, tmp_path):
    # A file, which can be read meanwhile: of what is written while `capfd` is read, some is lost.
    monkeypatch.setattr(sys, "stdout", (tmp_path / "output").open("w"))
    go = ctx.Event()
    process = ctx.Process(target=lambda: (print("first"), print("no line", end="", flush=True), go.wait()))
    process.start()
    wait_until(lambda: (tmp_path / "output").read_text() == "first\nno line")
    assert process.is_alive()
    go.set()
    process.join()
    sys.stdout.close()


def test_lines_of_several_processes_are_not_mixed(ctx, capfd):
    def target(letter):
        for _ in range(2000):
            print(*letter * 100)

    processes = [ctx.Process(target=target, args=(letter,)) for letter in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 4000
    assert set(lines) == {" ".join(letter * 100) for letter in "ab"}


def test_a_line_is_printed_before_the_lines_that_it_leads_to(ctx, capfd):
    green, forwarders = ctx.Event(), ctx.SimpleQueue()

    def light():
        forwarders.put(os.getppid())  # the process that forwards this output
        os.kill(os.getppid(), signal.SIGSTOP)
        print("green")
        green.set()

    def car():
        green.wait()
        print("go")

    processes = [ctx.Process(target=target) for target in (light, car)]
    for process in processes:
        process.start()
    forwarder = forwarders.get()
    try:
        assert not green.wait(0.5)
    finally:
        os.kill(forwarder, signal.SIGCONT)
    for process in processes:
        process.join()
    assert capfd.readouterr().out == "green\ngo\n"


def test_a_process_that_is_started_does_not_overtake_the_lines_of_its_parent(ctx, capfd):
    started, forwarders = ctx.Event(), ctx.SimpleQueue()

    def parent():
        child = ctx.Process(target=lambda: started.set())
        forwarders.put(os.getppid())
        os.kill(os.getppid(), signal.SIGSTOP)
        print("starts it")
        child.start()

    process = ctx.Process(target=parent)
    process.start()
    forwarder = forwarders.get()
    try:
        assert not started.wait(0.5)
    finally:
        os.kill(forwarder, signal.SIGCONT)
    process.join()
    assert started.is_set()
    assert capfd.readouterr().out == "starts it\n"


def test_lines_that_are_printed_while_others_are_sent_travel_together(ctx, messages):
    forwarders = ctx.SimpleQueue()

    def target():
        forwarder = os.getppid()
        forwarders.put(forwarder)
        os.kill(forwarder, signal.SIGSTOP)
        for number in range(1000):
            print("line", number)
        os.kill(forwarder, signal.SIGCONT)

    process = ctx.Process(target=target)
    process.start()
    forwarder = forwarders.get()
    try:
        process.join(TIMEOUT)
    finally:
        os.kill(forwarder, signal.SIGCONT)
    assert process.exitcode == 0
    assert b"".join(text for _, text in messages) == b"".join(b"line %d\n" % number for number in range(1000))
    assert len(messages) < 10


def test_lines_of_both_streams_keep_their_order(ctx, messages):
    def target():
        for number in range(100):
            print("out", number)
            print("err", number, file=sys.stderr)

    run(ctx, target)
    expected = [(stream, b"%s %d\n" % (name, number)) for number in range(100) for stream, name in STREAMS]
    assert messages == expected


def test_a_local_child_that_outlives_its_process_blocks_neither_in_print_nor_in_a_request(ctx, tmp_path):
    marker, requested = tmp_path / "marker", ctx.Event()

    def target():
        reader, writer = os.pipe()
        if os.fork():
            os._exit(0)
        os.close(writer)
        os.read(reader, 1)  # returns when the process has exited
        with contextlib.suppress(OSError):
            print("nobody forwards this")
        requested.set()
        marker.write_text("not blocked")
        os._exit(0)

    run(ctx, target)
    wait_until(marker.exists)
    assert requested.is_set()


def test_output_of_a_grandchild_is_printed(ctx, capfd):
    run(ctx, lambda: ctx.Process(target=print, args=("hello",)).start())
    assert capfd.readouterr().out == "hello\n"


def test_a_local_child_does_not_delay_the_exit_of_its_process(ctx, capfd):
    process = run(ctx, lambda: subprocess.Popen(["sleep", "60"]).pid)
    os.kill(process.job.latest_result(timeout=TIMEOUT).return_value, signal.SIGKILL)


def test_output_follows_the_redirection_of_the_parent(ctx):
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.redirect_stderr(None):
        run(ctx, lambda: (print("你好"), print("nobody reads this", file=sys.stderr)))
    assert text.getvalue() == "你好\n"


def test_output_that_nobody_reads_is_dropped(url, monkeypatch):
    monkeypatch.setattr("jobs.exchange.status.SEND_TIMEOUT", 0.1)
    queue = Queue.at(url, "nobody", maxsize=MAXSIZE)
    writer = StatusWriter(url, queue.name, "job")
    put, waited = writer.queue.put, []
    monkeypatch.setattr(writer.queue, "put", lambda item, timeout: waited.append(timeout) or put(item, True, timeout))
    for number in range(MAXSIZE + 3):
        writer.send(Started(number, "here"))
    assert queue.qsize() == MAXSIZE
    assert waited == [0.1] * (MAXSIZE + 1) + [0.0] * 2
    assert queue.get() == ("job", (0, "here"))
    writer.send(Exited(0))  # the queue is read again
    assert [queue.get() for _ in range(MAXSIZE)][-1] == ("job", (0,))
    queue.delete()


def test_a_request_is_acknowledged_only_when_its_output_was_forwarded():
    requester, theirs = socket.socketpair()
    with requester, contextlib.closing(Acknowledgements()) as acknowledgements, acknowledgements.sender as sender:
        with theirs:
            socket.send_fds(sender, [b"?"], [theirs.fileno()])
        requester.setblocking(False)
        assert acknowledgements.receive()
        with pytest.raises(BlockingIOError):
            requester.recv(1)
        acknowledgements.acknowledge()
        assert requester.recv(1) == b"", "the other end is closed"
