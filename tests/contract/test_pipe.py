"""What a pipe promises, wherever it comes from."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.backends import PROCESSES, World
from tests.contract.test_queue import ITEMS
from tests.support.actors import TIMEOUT

BOTH_WAYS = pytest.mark.parametrize("duplex", [True, False])
METHODS_OF_A_CLOSED_END: list[Callable[[Any], object]] = [
    lambda end: end.send(1),
    lambda end: end.recv(),
    lambda end: end.poll(),
    lambda end: end.send_bytes(b"1"),
    lambda end: end.recv_bytes(),
]


@BOTH_WAYS
def test_what_is_sent_is_received_in_order(alone: Any, duplex: bool) -> None:
    reader, writer = alone.Pipe(duplex)
    for item in ITEMS:
        assert writer.send(item) is None
    assert repr([reader.recv() for _ in ITEMS]) == repr(ITEMS)
    assert reader.poll() is False


def test_a_pipe_goes_both_ways_unless_told(alone: Any) -> None:
    left, right = alone.Pipe()
    left.send("to the right")
    right.send("to the left")
    assert left.recv() == "to the left"
    assert right.recv() == "to the right"
    assert [end.readable and end.writable for end in (left, right)] == [True, True]


def test_a_pipe_of_one_way_refuses_the_other(alone: Any) -> None:
    reader, writer = alone.Pipe(duplex=False)
    assert (reader.readable, reader.writable) == (True, False)
    assert (writer.readable, writer.writable) == (False, True)
    for call in (lambda: reader.send(1), lambda: reader.send_bytes(b"1")):
        with pytest.raises(OSError, match="read-only"):
            call()
    for call in (writer.recv, writer.recv_bytes, writer.poll):
        with pytest.raises(OSError, match="write-only"):
            call()


@BOTH_WAYS
def test_bytes_travel_as_they_are(alone: Any, duplex: bool) -> None:
    reader, writer = alone.Pipe(duplex)
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
def test_a_part_that_is_none_is_refused(alone: Any, offset: int, size: int | None) -> None:
    reader, writer = alone.Pipe(False)
    with pytest.raises(ValueError, match=r"."):
        writer.send_bytes(b"0123456789", offset, size)
    assert reader.poll() is False


def test_more_bytes_than_the_receiver_allows_are_an_error(alone: Any) -> None:
    reader, writer = alone.Pipe(False)
    writer.send_bytes(b"four")
    assert reader.recv_bytes(4) == b"four"
    writer.send_bytes(b"fives")
    with pytest.raises(OSError, match=r"."):
        reader.recv_bytes(4)


def test_a_negative_length_is_no_length(alone: Any) -> None:
    reader, writer = alone.Pipe(False)
    writer.send_bytes(b"x")
    with pytest.raises(ValueError, match="negative"):
        reader.recv_bytes(-1)
    assert reader.recv_bytes() == b"x", "and nothing was lost"


def test_what_was_sent_as_bytes_may_be_received_as_an_object(alone: Any) -> None:
    left, right = alone.Pipe()
    left.send_bytes(pickle.dumps({"a": 1}))
    assert right.recv() == {"a": 1}
    right.send([1, 2])
    assert pickle.loads(left.recv_bytes()) == [1, 2]


@BOTH_WAYS
def test_poll_tells_whether_anything_is_there(alone: Any, duplex: bool) -> None:
    reader, writer = alone.Pipe(duplex)
    for timeout in (0, 0.0, -1, 1e-9, 0.05):
        assert reader.poll(timeout) is False
    writer.send("x")
    for timeout in (0, -1, 1e-9, 0.05, None):
        assert reader.poll(timeout) is True
    assert reader.recv() == "x", "polling takes nothing"
    assert reader.poll() is False


def test_an_object_that_cannot_be_pickled_is_not_sent(alone: Any) -> None:
    left, right = alone.Pipe()
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        left.send(lambda: None)
    assert right.poll() is False


@BOTH_WAYS
def test_nothing_more_comes_from_a_closed_end(alone: Any, duplex: bool) -> None:
    reader, writer = alone.Pipe(duplex)
    writer.send("last")
    writer.close()
    assert reader.poll() is True
    assert reader.recv() == "last", "what was sent before is still there"
    assert reader.poll(TIMEOUT) is True, "the end, too, is something to receive"
    for _ in range(2):
        with pytest.raises(EOFError):
            reader.recv()
    with pytest.raises(EOFError):
        reader.recv_bytes()


@BOTH_WAYS
def test_nothing_can_be_sent_to_a_closed_end(alone: Any, duplex: bool) -> None:
    reader, writer = alone.Pipe(duplex)
    reader.close()
    for call in (lambda: writer.send("x"), lambda: writer.send_bytes(b"x")):
        with pytest.raises(BrokenPipeError):
            call()


def test_a_closed_end_refuses(alone: Any) -> None:
    left, right = alone.Pipe()
    assert left.closed is False
    assert left.close() is None
    assert left.close() is None
    assert (left.closed, right.closed) == (True, False)
    for call in METHODS_OF_A_CLOSED_END:
        with pytest.raises(OSError, match="closed"):
            call(left)


def test_with_closes_an_end(alone: Any) -> None:
    left, right = alone.Pipe()
    with left as entered:
        assert entered is left
        left.send("x")
    assert left.closed
    with pytest.raises(KeyError), right:
        raise KeyError
    assert right.closed


def test_a_message_may_be_large(alone: Any, actors: Any) -> None:
    left, right = alone.Pipe()
    large = bytes(range(256)) * 20_000
    receiver = actors.thread(right)
    receiver.begin("recv")
    left.send(large)
    assert receiver.result() == large


def test_two_actors_talk(world: World) -> None:
    left, right = world.context.Pipe()
    actor = world.actor(right)
    for number in range(5):
        actor.begin("recv")
        left.send(number)
        assert actor.result() == number
        actor.call("send", -number)
        assert left.recv() == -number


def test_a_receiver_waits_until_something_is_sent(world: World) -> None:
    reader, writer = world.context.Pipe(False)
    receiver = world.actor(reader)
    receiver.begin("recv")
    assert receiver.blocked(0.1)
    writer.send("at last")
    assert receiver.result() == "at last"


@pytest.mark.parametrize("timeout", [None, TIMEOUT])
def test_poll_waits_until_something_is_sent(world: World, timeout: float | None) -> None:
    reader, writer = world.context.Pipe(False)
    receiver = world.actor(reader)
    assert receiver.call("poll", 0.05) is False
    receiver.begin("poll", timeout)
    assert receiver.blocked(0.1)
    writer.send("at last")
    assert receiver.result() is True
    assert receiver.call("recv") == "at last"


def test_closing_one_copy_does_not_close_the_others(world: World) -> None:
    if world.actor_kind == "threads":
        return  # they share the very object
    left, right = world.context.Pipe()
    child = world.actor(right)
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


@pytest.mark.parametrize("world", PROCESSES, indirect=True)
def test_the_end_of_a_process_closes_what_it_had(world: World) -> None:
    left, right = world.context.Pipe()
    child = world.actor(right)
    right.close()
    child.call("send", "last words")
    child.kill()
    assert left.recv() == "last words"
    with pytest.raises(EOFError):
        left.recv()
    with pytest.raises(BrokenPipeError):
        left.send("nobody there")


@pytest.mark.parametrize("world", PROCESSES, indirect=True)
def test_a_child_learns_that_its_parent_closed(world: World) -> None:
    left, right = world.context.Pipe()
    child = world.actor(right)
    child.begin("recv")
    assert child.blocked(0.1)
    left.close()
    if world.actor_kind != "fork":
        with pytest.raises(EOFError):
            child.result()
    else:
        assert child.blocked(0.3), "the child has a copy of the very end whose closing it waits for"
