"""Who has an end of a pipe open: who made it, was sent it or was forked with it, until they close it or die."""

from __future__ import annotations

import gc
import pickle
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from broker import Context
from broker.messages.pipe import PipeConnection
from tests.support.actors import SLACK, TIMEOUT, Actor, Actors
from tests.support.server_state import count_waiters, run_command
from tests.support.waiting import wait_until

LIFE = 5.0  # seconds, as the docs say, until a killed process's end counts as closed
Process = Callable[[object], Actor]


def users(end: PipeConnection) -> int:
    """How many processes have this end open, pickled ends on their way included."""
    handle = end._users
    return int(run_command(handle, b"ZCARD", handle._key))


class Parent:
    """A process that makes a pipe, gives one end away and keeps the other."""

    def __init__(self, mail: Any) -> None:
        self.mail = mail

    def open(self, url: str) -> None:
        self.context = Context(url)
        self.mine, theirs = self.context.Pipe()
        self.mail.put(theirs)

    def forget(self) -> None:
        del self.mine
        gc.collect()

    def send(self, item: object) -> None:
        self.mine.send(item)

    def recv(self) -> object:
        return self.mine.recv()


def test_a_waiting_receiver_learns_of_a_killed_sender(ctx: Context, process: Process) -> None:
    mail = ctx.SimpleQueue()
    parent = process(Parent(mail))
    parent.call("open", ctx.url)
    theirs = mail.get()
    parent.call("send", "last words")
    parent.kill()
    assert theirs.recv() == "last words"
    assert theirs.poll(LIFE + SLACK) is True, "the end, too, is something to receive"
    with pytest.raises(EOFError):
        theirs.recv()
    with pytest.raises(BrokenPipeError):
        theirs.send("nobody there")


def test_a_waiting_receiver_learns_at_once_of_an_end_that_is_closed(ctx: Context, actors: Actors) -> None:
    left, right = ctx.Pipe()
    receiver = actors.thread(right)
    receiver.begin("recv")
    wait_until(lambda: count_waiters(right._inbox) == 1)
    left.close()
    with pytest.raises(EOFError):
        receiver.result(timeout=0.9 * LIFE)  # sooner than the lease of an end that nobody closed would end


def test_a_stopped_process_does_not_close_its_end_within_its_lease(ctx: Context, process: Process) -> None:
    mail = ctx.SimpleQueue()
    parent = process(Parent(mail))
    parent.call("open", ctx.url)
    theirs = mail.get()
    parent.signal(signal.SIGSTOP)
    theirs.send("while you slept")
    assert theirs.poll(0.2) is False
    parent.signal(signal.SIGCONT)
    assert parent.call("recv") == "while you slept"
    parent.call("send", "awake")
    assert theirs.recv() == "awake"


@pytest.mark.slow
def test_a_process_that_slept_past_its_lease_is_back_when_it_goes_on(ctx: Context, process: Process) -> None:
    mail = ctx.SimpleQueue()
    parent = process(Parent(mail))
    parent.call("open", ctx.url)
    theirs = mail.get()
    parent.signal(signal.SIGSTOP)
    with pytest.raises(EOFError):
        theirs.recv()
    parent.signal(signal.SIGCONT)
    parent.call("send", "awake")
    wait_until(theirs.poll)
    assert theirs.recv() == "awake"


@pytest.mark.slow
def test_a_living_process_keeps_its_end_open_while_it_says_nothing(ctx: Context, process: Process) -> None:
    mail = ctx.SimpleQueue()
    parent = process(Parent(mail))
    parent.call("open", ctx.url)
    theirs = mail.get()
    assert theirs.poll(LIFE + 1.5) is False
    parent.call("send", "still here")
    assert theirs.recv() == "still here"


def test_an_end_that_is_forgotten_is_closed(ctx: Context, process: Process) -> None:
    mail = ctx.SimpleQueue()
    parent = process(Parent(mail))
    parent.call("open", ctx.url)
    theirs = mail.get()
    parent.call("forget")
    with pytest.raises(EOFError):
        theirs.recv()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_that_ends_closes_its_ends_at_once(ctx: Context, method: str) -> None:
    left, right = ctx.Pipe()
    child = Context(ctx.url, method=method).Process(target=right.send, args=("done",))
    child.start()
    right.close()
    assert left.recv() == "done"
    child.join(TIMEOUT)
    assert child.exitcode == 0
    assert users(right) == 0, "not only when the lease ends"
    with pytest.raises(EOFError):
        left.recv()


def test_a_forked_child_has_both_ends_open(ctx: Context, process: Process) -> None:
    left, right = ctx.Pipe()
    child = process(right)
    assert child.call("closed") is False
    assert (users(left), users(right)) == (2, 2)
    right.close()
    left.close()
    assert (users(left), users(right)) == (1, 1)
    child.call("send", "to itself")
    assert child.call("readable") is True


def test_a_renewal_that_was_on_its_way_does_not_open_a_closed_end_again(ctx: Context) -> None:
    left, right = ctx.Pipe()
    right.close()
    right._users._run(right._users.staying, right._lease.token)
    assert users(right) == 0
    with pytest.raises(EOFError):
        left.recv()


def test_an_end_on_its_way_is_open(ctx: Context) -> None:
    left, right = ctx.Pipe()
    letter = pickle.dumps(right)
    right.close()
    left.send("wait for me")
    assert left.poll(0.1) is False
    arrived = pickle.loads(letter)
    assert arrived.recv() == "wait for me"
    arrived.send("here")
    assert left.recv() == "here"
    arrived.close()
    with pytest.raises(EOFError):
        left.recv()


def test_a_closed_end_is_not_sent(ctx: Context) -> None:
    _left, right = ctx.Pipe()
    right.close()
    with pytest.raises(OSError, match="closed"):
        pickle.dumps(right)


def test_a_pickled_end_keeps_its_direction(ctx: Context) -> None:
    reader, writer = (pickle.loads(pickle.dumps(end)) for end in ctx.Pipe(False))
    assert (reader.readable, reader.writable) == (True, False)
    assert (writer.readable, writer.writable) == (False, True)
    writer.send("x")
    assert reader.recv() == "x"


def test_what_poll_found_a_forked_child_does_not_receive_again(ctx: Context, process: Process) -> None:
    left, right = ctx.Pipe()
    left.send("first")
    left.send("second")
    assert right.poll() is True
    child = process(right)
    assert child.call("recv") == "second"
    assert right.recv() == "first"


def test_threads_that_receive_from_one_end_get_each_message_once(ctx: Context) -> None:
    left, right = ctx.Pipe()
    received: list[int] = []
    threads = [
        threading.Thread(target=lambda: received.extend(right.recv() for _ in range(50)), daemon=True) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for number in range(200):
        left.send(number)
    for thread in threads:
        thread.join(TIMEOUT)
    assert sorted(received) == list(range(200))


def test_a_process_forks_although_the_server_of_a_pipe_is_gone(ctx: Context, actors: Actors) -> None:
    with Context() as other:
        left, right = other.Pipe()
        other._server.close()  # type: ignore[union-attr]
        lock = ctx.Lock()
        child = actors.process(ctx, lock)
        assert child.call("acquire") is True
        assert (left.closed, right.closed) == (False, False)


def test_nothing_of_a_pipe_stays_when_both_ends_are_closed_and_read(ctx: Context, client: redis.Redis) -> None:
    client.flushall()
    left, right = ctx.Pipe()
    left.send("x")
    right.recv()
    left.close()
    right.close()
    assert users(left) == users(right) == 0
    assert [key for key in client.scan_iter("*") if client.pttl(key) < 0] == []
