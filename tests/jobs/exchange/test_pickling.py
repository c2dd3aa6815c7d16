"""What can be pickled for a job, and what cannot."""

from __future__ import annotations

import multiprocessing
import socket
from multiprocessing import resource_sharer, resource_tracker
from multiprocessing.managers import SharedMemoryManager
from multiprocessing.shared_memory import ShareableList, SharedMemory

import pytest

import jobs
from jobs.exchange import shared_memory
from jobs.exchange.pickling import dumps, loads
from tests.support.actors import TIMEOUT


def test_a_context_is_pickled_by_url_and_queue(ctx):
    copy = loads(dumps(ctx))
    assert (copy.url, copy.queue) == (ctx.url, ctx.queue)
    assert loads(dumps(ctx)) is copy
    assert loads(dumps(ctx.Process)) is copy.Process
    assert len(dumps(ctx)) < 200


def test_queues_and_pipes_take_what_main_defines(ctx):
    queue, (near, far) = ctx.Queue(), ctx.Pipe()
    queue.put(lambda: 7)
    near.send(lambda: 8)
    assert (queue.get()(), far.recv()()) == (7, 8)


class Greeter:
    def greet(self):
        return "hello"

    @classmethod
    def make(cls):
        return cls()


def test_methods_are_pickled_by_name_unless_their_class_lacks_them():
    greeter = Greeter()
    greeter.shout = (lambda self: "HELLO").__get__(greeter)
    for method in (greeter.greet, Greeter.make, greeter.make):
        assert loads(dumps(method)).__func__ is method.__func__
    assert loads(dumps(greeter.shout))() == "HELLO"


def test_a_lock_of_multiprocessings_own_is_an_error(ctx):
    with pytest.raises(RuntimeError, match="shared between processes through inheritance"):
        ctx.Process(target=print, args=(multiprocessing.Lock(),)).start()


def test_a_socket_that_cannot_be_transferred_is_an_error(url, capfd):
    near, far = socket.socketpair()
    with near, far, jobs.get_context(url, queue="remote") as context:
        process = context.Process(target=print, args=(near,))
        process.start()
        resource_sharer.stop()  # where the job runs, there is no such address
        with jobs.Workers(url, "remote", 1):
            process.join(TIMEOUT)
        assert process.exitcode == 1
    assert "NotTransferableError: a socket cannot be transferred to another host" in capfd.readouterr().err


@pytest.fixture
def memory():
    block = SharedMemory(create=True, size=16)
    yield block
    block.close()
    block.unlink()


def test_shared_memory_within_a_host(memory):
    copy = loads(dumps(memory))
    copy.buf[0] = 5
    assert memory.buf[0] == 5
    copy.close()
    with SharedMemoryManager() as manager:
        numbers = manager.ShareableList([1, 2])
        copy = loads(dumps(numbers))
        copy[0] = 5
        assert [*numbers] == [5, 2]
        copy.shm.close()


def test_shared_memory_of_another_host_is_an_error(memory, monkeypatch):
    pickled = dumps(memory)
    monkeypatch.setattr(shared_memory, "_identity", lambda _: ("another host", 1, 1))
    with pytest.raises(shared_memory.NotTransferableError, match="an Array of the context or a list of its Manager"):
        loads(pickled)
    resource_tracker.register(memory._name, "shared_memory")  # here it is this host's own


def test_shared_memory_that_is_not_there_is_an_error():
    numbers = ShareableList([1])
    pickled = dumps(numbers)
    numbers.shm.close()
    numbers.shm.unlink()
    with pytest.raises(shared_memory.NotTransferableError, match="the ShareableList 'psm_"):
        loads(pickled)


@pytest.mark.slow
def test_shared_memory_outlives_the_jobs_that_use_it(ctx, memory):
    def add(block):
        block.buf[0] += 1

    for _ in range(2):
        process = ctx.Process(target=add, args=(memory,))
        process.start()
        process.join(TIMEOUT)
        assert process.exitcode == 0
    again = SharedMemory(memory.name)
    assert again.buf[0] == 2
    again.close()
