"""What every pipe promises, multiprocessing's and the broker's."""

from __future__ import annotations

import array
import multiprocessing
import pickle
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Any

import pytest

from tests.contract.backends import PROCESSES, Backend
from tests.contract.samples import PICKLABLE
from tests.support.actors import TIMEOUT

DUPLEX = pytest.mark.parametrize("duplex", [True, False])
CALLS: list[Callable[[Any], object]] = [
    lambda end: end.send(1),
    lambda end: end.recv(),
    lambda end: end.poll(),
    lambda end: end.send_bytes(b"1"),
    lambda end: end.recv_bytes(),
]


@DUPLEX
def test_objects_are_received_in_order(context: Any, duplex: bool) -> None:
    reader, writer = context.Pipe(duplex)
    for item in PICKLABLE:
        assert writer.send(item) is None
    assert repr([reader.recv() for _ in PICKLABLE]) == repr(PICKLABLE)
    assert reader.poll() is False


def test_pipe_is_duplex_by_default(context: Any) -> None:
    left, right = context.Pipe()
    left.send("to the right")
    right.send("to the left")
    assert left.recv() == "to the left"
    assert right.recv() == "to the right"
    assert [end.readable and end.writable for end in (left, right)] == [True, True]


def test_one_way_pipe_refuses_the_other_direction(context: Any) -> None:
    reader, writer = context.Pipe(duplex=False)
    assert (reader.readable, reader.writable) == (True, False)
    assert (writer.readable, writer.writable) == (False, True)
    for call in (lambda: reader.send(1), lambda: reader.send_bytes(b"1")):
        with pytest.raises(OSError, match="read-only"):
            call()
    for call in (writer.recv, writer.recv_bytes, writer.poll):
        with pytest.raises(OSError, match="write-only"):
            call()


@DUPLEX
def test_send_bytes_and_recv_bytes(context: Any, duplex: bool) -> None:
    reader, writer = context.Pipe(duplex)
    for sent in (b"", b"abc", bytearray(b"abc"), memoryview(b"abc"), b"\x00\r\n" * 1000):
        writer.send_bytes(sent)
        received = reader.recv_bytes()
        assert received == bytes(sent)
        assert type(received) is bytes
    writer.send_bytes(b"0123456789", 2)
    writer.send_bytes(b"0123456789", 2, 3)
    writer.send_bytes(b"0123456789", offset=10)
    assert [reader.recv_bytes() for _ in range(3)] == [b"23456789", b"234", b""]


@pytest.mark.parametrize(("offset", "size"), [(-1, None), (11, None), (0, -1), (0, 11), (8, 3)])
def test_invalid_offset_and_size_are_refused(context: Any, offset: int, size: int | None) -> None:
    reader, writer = context.Pipe(False)
    with pytest.raises(ValueError, match=r"."):
        writer.send_bytes(b"0123456789", offset, size)
    assert reader.poll() is False


def test_message_longer_than_maxlength_raises(context: Any) -> None:
    reader, writer = context.Pipe(False)
    writer.send_bytes(b"four")
    assert reader.recv_bytes(4) == b"four"
    writer.send_bytes(b"fives")
    with pytest.raises(OSError, match=r"."):
        reader.recv_bytes(4)


def test_messages_are_received_into_a_buffer(context: Any) -> None:
    reader, writer = context.Pipe(False)
    buffer = array.array("i", range(4))
    writer.send_bytes(array.array("i", [7, 8]))
    assert reader.recv_bytes_into(buffer, buffer.itemsize) == 2 * buffer.itemsize
    assert buffer.tolist() == [0, 7, 8, 3]
    for offset in (-1, 5 * buffer.itemsize):
        with pytest.raises(ValueError, match="offset"):
            reader.recv_bytes_into(buffer, offset)
    writer.send_bytes(b"longer than the buffer")
    with pytest.raises(multiprocessing.BufferTooShort) as raised:
        reader.recv_bytes_into(buffer)
    assert raised.value.args == (b"longer than the buffer",)
    writer.close()
    with pytest.raises(EOFError):
        reader.recv_bytes_into(buffer)


def test_negative_maxlength_is_refused(context: Any) -> None:
    reader, writer = context.Pipe(False)
    writer.send_bytes(b"x")
    with pytest.raises(ValueError, match="negative"):
        reader.recv_bytes(-1)
    assert reader.recv_bytes() == b"x", "the message is still there"


def test_bytes_can_be_received_as_an_object(context: Any) -> None:
    left, right = context.Pipe()
    left.send_bytes(pickle.dumps({"a": 1}))
    assert right.recv() == {"a": 1}
    right.send([1, 2])
    assert pickle.loads(left.recv_bytes()) == [1, 2]


@DUPLEX
def test_poll_tells_whether_a_message_is_there(context: Any, duplex: bool) -> None:
    reader, writer = context.Pipe(duplex)
    for timeout in (0, 0.0, -1, 1e-9, 0.05):
        assert reader.poll(timeout) is False
    writer.send("x")
    for timeout in (0, -1, 1e-9, 0.05, None):
        assert reader.poll(timeout) is True
    assert reader.recv() == "x", "poll() consumes nothing"
    assert reader.poll() is False


def test_unpicklable_object_is_not_sent(context: Any) -> None:
    left, right = context.Pipe()
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        left.send(lambda: None)
    assert right.poll() is False


@DUPLEX
def test_recv_raises_eof_after_the_last_message_of_a_closed_end(context: Any, duplex: bool) -> None:
    reader, writer = context.Pipe(duplex)
    writer.send("last")
    writer.close()
    assert reader.poll() is True
    assert reader.recv() == "last", "a message sent before is still received"
    assert reader.poll(TIMEOUT) is True, "EOF can be received, too"
    for _ in range(2):
        with pytest.raises(EOFError):
            reader.recv()
    with pytest.raises(EOFError):
        reader.recv_bytes()


@DUPLEX
def test_send_to_a_closed_end_raises_broken_pipe(context: Any, duplex: bool) -> None:
    reader, writer = context.Pipe(duplex)
    reader.close()
    for call in (lambda: writer.send("x"), lambda: writer.send_bytes(b"x")):
        with pytest.raises(BrokenPipeError):
            call()


def test_calls_on_a_closed_end_raise(context: Any) -> None:
    left, right = context.Pipe()
    assert left.closed is False
    assert left.close() is None
    assert left.close() is None
    assert (left.closed, right.closed) == (True, False)
    for call in CALLS:
        with pytest.raises(OSError, match="closed"):
            call(left)


def test_with_block_closes_the_end(context: Any) -> None:
    left, right = context.Pipe()
    with left as entered:
        assert entered is left
        left.send("x")
    assert left.closed
    with pytest.raises(KeyError), right:
        raise KeyError
    assert right.closed


def test_large_message(context: Any, actors: Any) -> None:
    left, right = context.Pipe()
    large = bytes(range(256)) * 20_000
    receiver = actors.thread(right)
    receiver.begin("recv")
    left.send(large)
    assert receiver.result() == large


def test_request_and_reply(backend: Backend) -> None:
    left, right = backend.context.Pipe()
    actor = backend.actor(right)
    for number in range(5):
        actor.begin("recv")
        left.send(number)
        assert actor.result() == number
        actor.call("send", -number)
        assert left.recv() == -number


def test_recv_blocks_until_a_message_is_sent(backend: Backend) -> None:
    reader, writer = backend.context.Pipe(False)
    receiver = backend.actor(reader)
    receiver.begin("recv")
    assert receiver.blocked(0.1)
    writer.send("at last")
    assert receiver.result() == "at last"


@pytest.mark.parametrize("timeout", [None, TIMEOUT])
def test_poll_blocks_until_a_message_is_sent(backend: Backend, timeout: float | None) -> None:
    reader, writer = backend.context.Pipe(False)
    receiver = backend.actor(reader)
    assert receiver.call("poll", 0.05) is False
    receiver.begin("poll", timeout)
    assert receiver.blocked(0.1)
    writer.send("at last")
    assert receiver.result() is True
    assert receiver.call("recv") == "at last"


@pytest.mark.parametrize("backend", PROCESSES, indirect=True)  # threads share one object
def test_closing_one_copy_does_not_close_others(backend: Backend) -> None:
    left, right = backend.context.Pipe()
    child = backend.actor(right)
    right.close()
    left.send("still open")
    assert child.call("recv") == "still open"
    child.call("send", "in both directions")
    assert left.recv() == "in both directions"
    child.call("close")
    with pytest.raises(EOFError):
        left.recv()
    with pytest.raises(BrokenPipeError):
        left.send("nobody there")


@pytest.mark.parametrize("backend", PROCESSES, indirect=True)
def test_killed_process_closes_its_end(backend: Backend) -> None:
    left, right = backend.context.Pipe()
    child = backend.actor(right)
    right.close()
    child.call("send", "last words")
    child.kill()
    assert left.recv() == "last words"
    with pytest.raises(EOFError):
        left.recv()
    with pytest.raises(BrokenPipeError):
        left.send("nobody there")


@pytest.mark.parametrize("backend", PROCESSES, indirect=True)
def test_child_gets_eof_when_its_parent_closes(backend: Backend) -> None:
    left, right = backend.context.Pipe()
    child = backend.actor(right)
    child.begin("recv")
    assert child.blocked(0.1)
    left.close()
    if backend.actor_kind != "fork":
        with pytest.raises(EOFError):
            child.result()
    else:
        assert child.blocked(0.3), "the child inherited a copy of the end that its parent closed"


def test_wait_returns_the_ends_that_are_ready(context: Any) -> None:
    ends = [context.Pipe() for _ in range(3)]
    mine = [end for end, _ in ends]
    assert wait(mine, 0) == []
    ends[1][1].send("to the second")
    assert wait(mine, TIMEOUT) == [mine[1]]
    assert mine[1].recv() == "to the second"
    ends[2][1].close()
    assert wait(mine, TIMEOUT) == [mine[2]]
    with pytest.raises(EOFError):
        mine[2].recv()


@pytest.mark.parametrize("backend", PROCESSES, indirect=True)
def test_wait_returns_the_sentinel_of_a_process_that_has_ended(backend: Backend) -> None:
    mine, theirs = backend.context.Pipe()
    child = backend.context.Process(target=theirs.send, args=("sent",))
    child.start()
    assert wait([mine, child.sentinel], TIMEOUT)
    assert mine.recv() == "sent"
    assert wait([mine, child.sentinel], TIMEOUT) == [child.sentinel]
    child.join()
    assert child.exitcode == 0
