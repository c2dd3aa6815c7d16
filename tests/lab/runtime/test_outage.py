"""A process that is cut off from the server loses its connections, gets no new ones, and is connected again."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest
import redis

from broker import Context
from lab.runtime.outage import Outage
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

FORK = multiprocessing.get_context("fork")


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def use_the_server(url: str, results: Connection) -> None:
    """Send whether the server answers before, during and after an outage; and in the thread that passes."""
    with redis.Redis.from_url(url) as client, redis.Redis.from_url(url) as other:
        outage = Outage(url)
        results.send([answers(client), answers(other)])
        outage.begin()
        results.send([answers(client), answers(other)])
        passing: list[bool] = []

        def pass_by() -> None:
            outage.let_pass()
            passing.append(answers(client))

        thread = threading.Thread(target=pass_by)
        thread.start()
        thread.join(TIMEOUT)
        results.send([*passing, answers(other)])
        outage.end()
        results.send([answers(client), answers(other)])


def hold_a_lock(url: str, name: str, results: Connection) -> None:
    """Lose a lock while this process is cut off, and send whether it was held before and afterwards."""
    outage = Outage(url)
    with Context(url) as ctx:
        lock = ctx.Lock(name=name, lease=1.0)
        lock.acquire()
        results.send(lock.held)
        outage.begin()
        wait_until(lambda: not lock.held)
        results.send(lock.held)
        results.recv()
        outage.end()
        results.send(lock.acquire(timeout=TIMEOUT))


@pytest.fixture
def results() -> Iterator[tuple[Connection, Connection]]:
    here, there = FORK.Pipe()
    with here, there:
        yield here, there


def receive(connection: Connection) -> object:
    assert connection.poll(TIMEOUT)
    return connection.recv()


def test_only_the_passing_thread_reaches_the_server(url: str, results: tuple[Connection, Connection]) -> None:
    here, there = results
    process = FORK.Process(target=use_the_server, args=(url, there))
    process.start()
    assert receive(here) == [True, True]
    assert receive(here) == [False, False]
    assert receive(here) == [True, False]
    assert receive(here) == [True, True]
    process.join(TIMEOUT)
    assert process.exitcode == 0


def test_holder_that_is_cut_off_loses_the_lock_and_knows_it(
    url: str, ctx: Context, results: tuple[Connection, Connection]
) -> None:
    here, there = results
    lock = ctx.Lock(name="cut off", lease=1.0)
    process = FORK.Process(target=hold_a_lock, args=(url, lock.name, there))
    process.start()
    assert receive(here) is True
    assert lock.acquire(timeout=TIMEOUT), "it is free after the lease"
    assert receive(here) is False
    here.send(None)
    lock.release()
    assert receive(here) is True
    process.join(TIMEOUT)
    assert process.exitcode == 0
    lock.delete()
