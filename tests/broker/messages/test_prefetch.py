"""An end of a pipe that can be waited for as a file: what it has received ahead is neither lost nor out of order."""

from __future__ import annotations

import gc
import multiprocessing
import os
import selectors
import threading
import weakref
from multiprocessing.connection import wait
from typing import Any

import pytest
import redis

from broker import Context, PipeConnection
from broker.engine.handle import INDEX
from broker.server.private_server import PrivateServer
from tests.support.actors import TIMEOUT
from tests.support.server_state import count_waiters
from tests.support.waiting import wait_until


def prefetch_thread(end: PipeConnection) -> threading.Thread:
    assert end._prefetch is not None
    return end._prefetch._thread


def test_messages_arrive_in_order_however_they_are_received(ctx: Context) -> None:
    reader, writer = ctx.Pipe(duplex=False)
    for number in range(6):
        writer.send(number)
    assert reader.poll()  # the first message is here, before there is a file descriptor
    assert wait([reader], TIMEOUT) == [reader]
    assert [reader.recv() for _ in range(3)] == [0, 1, 2]
    assert reader.poll(TIMEOUT)
    assert wait([reader], TIMEOUT) == [reader]
    assert [reader.recv() for _ in range(3)] == [3, 4, 5]
    assert not reader.poll()
    assert wait([reader], 0) == []


def test_readable_as_long_as_there_is_a_message(ctx: Context) -> None:
    reader, writer = ctx.Pipe(duplex=False)
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        assert selector.select(0) == []
        writer.send("item")
        for _ in range(2):
            assert [key.fileobj for key, _ in selector.select(TIMEOUT)] == [reader]
        assert reader.recv() == "item"
        assert selector.select(0) == []


def test_readable_when_the_other_end_is_closed(ctx: Context) -> None:
    reader, writer = ctx.Pipe(duplex=False)
    assert wait([reader], 0) == []
    writer.close()
    assert wait([reader], TIMEOUT) == [reader]
    for _ in range(2):
        with pytest.raises(EOFError):
            reader.recv()
    assert wait([reader], TIMEOUT) == [reader]


def test_end_that_only_sends_has_no_file_descriptor(ctx: Context) -> None:
    _, writer = ctx.Pipe(duplex=False)
    with pytest.raises(OSError, match="write-only"):
        writer.fileno()


def test_closed_end_takes_no_message_from_other_users(ctx: Context) -> None:
    reader, writer = ctx.Pipe(duplex=False)
    other = PipeConnection(*reader._address)
    assert wait([reader], 0) == []
    thread = prefetch_thread(reader)
    reader.close()
    assert not thread.is_alive()
    with pytest.raises(OSError, match="is closed"):
        reader.fileno()
    writer.send("item")
    assert other.recv() == "item"
    other.close()


def test_dropped_end_is_collected(ctx: Context) -> None:
    reader, writer = ctx.Pipe(duplex=False)
    writer.send("item")
    assert wait([reader], TIMEOUT) == [reader]
    reference, thread = weakref.ref(reader), prefetch_thread(reader)
    del reader
    gc.collect()
    wait_until(lambda: reference() is None and not thread.is_alive())
    with pytest.raises(BrokenPipeError):
        writer.send("another")


def receive_in_child(reader: Any, numbers: Any) -> None:
    wait([reader])
    numbers.put((os.getpid(), reader.recv()))


def test_forked_child_receives_for_itself(ctx: Context) -> None:
    reader, writer = ctx.Pipe(duplex=False)
    numbers = ctx.SimpleQueue()
    assert wait([reader], 0) == []
    writer.send(0)
    assert wait([reader], TIMEOUT) == [reader]  # this process has the first message
    child = multiprocessing.get_context("fork").Process(target=receive_in_child, args=(reader, numbers))
    child.start()
    assert reader.recv() == 0
    reader.close()
    writer.send(1)
    assert numbers.get() == (child.pid, 1)
    child.join()


def test_thread_that_waits_when_its_context_is_closed_creates_nothing_anew(
    server: PrivateServer, client: redis.Redis
) -> None:
    context = Context(server.url)
    end, _other = context.Pipe()
    end.fileno()
    inbox, thread = end._inbox, prefetch_thread(end)
    wait_until(lambda: count_waiters(inbox) == 1)
    context.close()
    wait_until(lambda: not thread.is_alive() or end._prefetch._outcome is not None)
    assert not [key for key in client.scan_iter() if inbox._key in key]
    assert client.zscore(INDEX, inbox._key) is None
