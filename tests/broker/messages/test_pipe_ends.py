"""Which processes have an end of a pipe open: those that made, received or inherited it, until they close it or die."""

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

END_LEASE = 5.0  # seconds, as documented, after which the end of a killed process counts as closed
Process = Callable[[object], Actor]


def count_users(end: PipeConnection) -> int:
    """Return how many processes have this end open; a pickled end counts as a process."""
    handle = end._users
    return int(run_command(handle, b"ZCARD", handle._key))


class PipeOwner:
    """Makes a pipe, puts one end into the queue `ends` and keeps the other."""

    def __init__(self, ends: Any) -> None:
        self.ends = ends

    def open(self, url: str) -> None:
        self.context = Context(url)
        self.own_end, received_end = self.context.Pipe()
        self.ends.put(received_end)

    def drop_end(self) -> None:
        del self.own_end
        gc.collect()

    def send(self, item: object) -> None:
        self.own_end.send(item)

    def recv(self) -> object:
        return self.own_end.recv()


def test_receiver_gets_eof_when_the_sender_is_killed(ctx: Context, process: Process) -> None:
    ends = ctx.SimpleQueue()
    parent = process(PipeOwner(ends))
    parent.call("open", ctx.url)
    received_end = ends.get()
    parent.call("send", "last words")
    parent.kill()
    assert received_end.recv() == "last words"
    assert received_end.poll(END_LEASE + SLACK) is True, "EOF can be received, too"
    with pytest.raises(EOFError):
        received_end.recv()
    with pytest.raises(BrokenPipeError):
        received_end.send("nobody there")


def test_waiting_receiver_gets_eof_at_once_when_the_other_end_is_closed(ctx: Context, actors: Actors) -> None:
    left, right = ctx.Pipe()
    receiver = actors.thread(right)
    receiver.begin("recv")
    wait_until(lambda: count_waiters(right._inbox) == 1)
    left.close()
    with pytest.raises(EOFError):
        receiver.result(timeout=0.9 * END_LEASE)  # sooner than the lease of the end would expire


def test_message_sent_just_before_the_other_end_was_closed_is_received(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, sender = ctx.Pipe(duplex=False)
    remaining_open = receiver._peer_remains_open

    def send_and_close_before(*_: object) -> float:
        if not sender.closed:
            sender.send("last")
            sender.close()
        return remaining_open()

    monkeypatch.setattr(receiver, "_peer_remains_open", send_and_close_before)
    assert receiver.recv() == "last"
    with pytest.raises(EOFError):
        receiver.recv()


def test_end_of_a_process_paused_within_its_lease_stays_open(ctx: Context, process: Process) -> None:
    ends = ctx.SimpleQueue()
    parent = process(PipeOwner(ends))
    parent.call("open", ctx.url)
    received_end = ends.get()
    parent.signal(signal.SIGSTOP)
    received_end.send("while you slept")
    assert received_end.poll(0.2) is False
    parent.signal(signal.SIGCONT)
    assert parent.call("recv") == "while you slept"
    parent.call("send", "awake")
    assert received_end.recv() == "awake"


@pytest.mark.slow
def test_end_of_a_process_paused_past_its_lease_reopens_when_it_continues(ctx: Context, process: Process) -> None:
    ends = ctx.SimpleQueue()
    parent = process(PipeOwner(ends))
    parent.call("open", ctx.url)
    received_end = ends.get()
    parent.signal(signal.SIGSTOP)
    with pytest.raises(EOFError):
        received_end.recv()
    parent.signal(signal.SIGCONT)
    parent.call("send", "awake")
    wait_until(received_end.poll)
    assert received_end.recv() == "awake"


@pytest.mark.slow
def test_end_of_an_idle_process_stays_open(ctx: Context, process: Process) -> None:
    ends = ctx.SimpleQueue()
    parent = process(PipeOwner(ends))
    parent.call("open", ctx.url)
    received_end = ends.get()
    assert received_end.poll(END_LEASE + 1.5) is False
    parent.call("send", "still here")
    assert received_end.recv() == "still here"


def test_garbage_collected_end_is_closed(ctx: Context, process: Process) -> None:
    ends = ctx.SimpleQueue()
    parent = process(PipeOwner(ends))
    parent.call("open", ctx.url)
    received_end = ends.get()
    parent.call("drop_end")
    with pytest.raises(EOFError):
        received_end.recv()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_process_closes_its_ends_when_it_exits(ctx: Context, method: str) -> None:
    left, right = ctx.Pipe()
    child = Context(ctx.url, method=method).Process(target=right.send, args=("done",))
    child.start()
    right.close()
    assert left.recv() == "done"
    child.join(TIMEOUT)
    assert child.exitcode == 0
    assert count_users(right) == 0, "not only when the lease expires"
    with pytest.raises(EOFError):
        left.recv()


def test_forked_child_has_both_ends_open(ctx: Context, process: Process) -> None:
    left, right = ctx.Pipe()
    child = process(right)
    assert child.call("closed") is False
    assert (count_users(left), count_users(right)) == (2, 2)
    right.close()
    left.close()
    assert (count_users(left), count_users(right)) == (1, 1)
    child.call("send", "to itself")
    assert child.call("readable") is True


def test_delayed_renewal_does_not_reopen_a_closed_end(ctx: Context) -> None:
    left, right = ctx.Pipe()
    right.close()
    right._users._run(right._users.renew_script, right._lease.token)
    assert count_users(right) == 0
    with pytest.raises(EOFError):
        left.recv()


def test_pickled_end_is_open(ctx: Context) -> None:
    left, right = ctx.Pipe()
    pickled = pickle.dumps(right)
    right.close()
    left.send("wait for me")
    assert left.poll(0.1) is False
    unpickled = pickle.loads(pickled)
    assert unpickled.recv() == "wait for me"
    unpickled.send("here")
    assert left.recv() == "here"
    unpickled.close()
    with pytest.raises(EOFError):
        left.recv()


def test_closed_end_cannot_be_pickled(ctx: Context) -> None:
    _left, right = ctx.Pipe()
    right.close()
    with pytest.raises(OSError, match="closed"):
        pickle.dumps(right)


def test_pickled_end_keeps_its_direction(ctx: Context) -> None:
    reader, writer = (pickle.loads(pickle.dumps(end)) for end in ctx.Pipe(False))
    assert (reader.readable, reader.writable) == (True, False)
    assert (writer.readable, writer.writable) == (False, True)
    writer.send("x")
    assert reader.recv() == "x"


def test_message_found_by_poll_is_not_received_by_a_forked_child(ctx: Context, process: Process) -> None:
    left, right = ctx.Pipe()
    left.send("first")
    left.send("second")
    assert right.poll() is True
    child = process(right)
    assert child.call("recv") == "second"
    assert right.recv() == "first"


def test_threads_receiving_from_one_end_get_each_message_once(ctx: Context) -> None:
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


def test_fork_works_although_the_server_of_a_pipe_is_gone(ctx: Context, actors: Actors) -> None:
    with Context() as other:
        left, right = other.Pipe()
        other._server.close()  # type: ignore[union-attr]
        lock = ctx.Lock()
        child = actors.process(ctx, lock)
        assert child.call("acquire") is True
        assert (left.closed, right.closed) == (False, False)


def test_keys_of_a_closed_pipe_expire(ctx: Context, client: redis.Redis) -> None:
    client.flushall()
    left, right = ctx.Pipe()
    left.send("x")
    right.recv()
    left.close()
    right.close()
    assert count_users(left) == count_users(right) == 0
    assert [key for key in client.scan_iter("*") if client.pttl(key) < 0] == []
