"""What can be pickled for a job, and what cannot."""

from __future__ import annotations

import multiprocessing
import socket
from multiprocessing import resource_sharer

import pytest

import jobs
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
