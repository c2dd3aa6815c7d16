"""The process of a manager ends, by whatever cause, or its clients do, or the server loses its data."""

from __future__ import annotations

import errno
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from broker import Context, ManagerLostError
from tests.support.actors import TIMEOUT, Actor
from tests.support.bank import Bank, lost
from tests.support.waiting import wait_until


@pytest.mark.slow
def test_a_process_that_does_not_start(server: Any) -> None:
    def fail() -> None:
        raise SystemExit(3)

    with Context(server.url) as ctx, pytest.raises(EOFError, match="ended before it was ready"):
        Bank(ctx=ctx).start(fail)
    with Context(server.url, method="spawn") as ctx, pytest.raises((AttributeError, pickle.PicklingError)):
        Bank(ctx=ctx).start(fail)


@pytest.mark.slow
def test_one_process_serves_an_address(ctx: Context) -> None:
    with Bank("savings", ctx=ctx) as bank:
        with pytest.raises(OSError, match="another process serves") as caught:
            Bank("savings", ctx=ctx).get_server()
        assert caught.value.errno == errno.EADDRINUSE
        bank._process.kill()
    with Bank("savings", ctx=ctx) as bank:
        assert bank.Account(1).deposit(1) == 2


@pytest.mark.slow
def test_the_process_is_killed_during_a_call(ctx: Context, bank: Any, process: Callable[[object], Actor]) -> None:
    account, lock = bank.Account(), ctx.Lock()
    other = process(account)
    with lock:
        other.begin("wait_for", lock)
        wait_until(lambda: len(lock.waiters()) == 1)
        os.kill(account.pid(), signal.SIGKILL)
        lost(other.result)
    lost(lambda: account.deposit(1))
    lost(bank.Account)
    assert ctx.Manager().list([1])[:] == [1]


@pytest.mark.slow
def test_the_process_is_paused_during_a_call(ctx: Context, bank: Any, process: Callable[[object], Actor]) -> None:
    account, lock = bank.Account(), ctx.Lock()
    other = process(account)
    pid = account.pid()
    with lock:
        other.begin("wait_for", lock)
        wait_until(lambda: len(lock.waiters()) == 1)
        os.kill(pid, signal.SIGSTOP)
        lost(other.result)
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: reconnected(bank))
    assert (other.call("deposit", 1), account.deposit(1)) == (1, 2)


def reconnected(bank: Any) -> bool:
    try:
        bank.connect()
    except ManagerLostError:
        return False
    return True


@pytest.mark.slow
def test_a_client_is_killed_during_a_call(ctx: Context, bank: Any, process: Callable[[object], Actor]) -> None:
    account, lock = bank.Account(), ctx.Lock()
    other = process(account)
    with lock:
        other.begin("wait_for", lock)
        wait_until(lambda: len(lock.waiters()) == 1)
        other.kill()
        assert account.deposit(1) == 1
    assert lock.acquire(timeout=TIMEOUT), "the object went on without its client"
    assert account.deposit(1) == 2


@pytest.mark.slow
def test_the_server_loses_its_data_during_a_call(ctx: Context, bank: Any, client: redis.Redis) -> None:
    account, lock = bank.Account(), ctx.Lock()
    lock.acquire()
    results: list[object] = []

    def call() -> None:
        try:
            results.append(account.wait_for(lock))
        except ManagerLostError as error:
            results.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    wait_until(lambda: len(lock.waiters()) == 1)
    client.flushall()
    thread.join(TIMEOUT)
    assert len(results) == 1
    wait_until(lambda: reconnected(bank))
    assert bank.Account(1).deposit(1) == 2


def start_bank(url: str, pipe: Any) -> None:
    bank: Any = Bank("orphaned", b"key", ctx=Context(url))
    bank.start()
    pipe.send(bank.Account().pid())
    pipe.recv()


@pytest.mark.slow
def test_the_process_ends_with_the_one_that_has_started_it(ctx: Context) -> None:
    ours, theirs = multiprocessing.Pipe()
    starter = multiprocessing.Process(target=start_bank, args=(ctx.url, theirs))
    starter.start()
    assert ours.poll(TIMEOUT)
    descriptor = os.pidfd_open(ours.recv())
    starter.kill()
    starter.join()
    assert multiprocessing.connection.wait([descriptor], TIMEOUT) == [descriptor]
    os.close(descriptor)
    lost(Bank("orphaned", b"key", ctx=ctx).connect)


@pytest.mark.slow
def test_closing_the_context_ends_the_process(ctx: Context) -> None:
    bank: Any = Bank(ctx=ctx)
    bank.start()
    account = bank.Account()
    ctx.close()
    assert bank._process.exitcode == 0
    lost(lambda: account.deposit(1))
