"""Objects of own classes: in a process that clients reach through the server."""

from __future__ import annotations

import gc
import os
import pickle
import signal
from collections.abc import Callable
from multiprocessing import AuthenticationError, ProcessError
from typing import Any

import pytest
import redis

from broker import Context, InvalidArgumentError, UnsupportedError
from broker.engine import session
from broker.errors import ArgumentTypeError
from broker.managers import RemoteError
from tests.support.actors import TIMEOUT, Actor
from tests.support.bank import Account, Bank, SyncBank, lost
from tests.support.waiting import wait_until


def test_an_object_is_in_the_process_of_the_manager(bank: Any, process: Callable[[object], Actor]) -> None:
    account = bank.Account(10)
    other = process(account)
    assert (account.deposit(1), other.call("deposit", 5), account.deposit(0)) == (11, 16, 16)
    assert other.call("pid") == account.pid() != os.getpid()
    with pytest.raises(ArithmeticError, match="overdrawn"):
        account.fail()
    half = account.split()
    assert (half.deposit(1), list(account)) == (9, [0, 1, 2])
    secret = bank.Secret()
    assert (secret._secret(), hasattr(secret, "deposit"), hasattr(account, "_secret")) == ("secret", False, False)
    with pytest.raises(RemoteError, match="not in exposed"):
        account._callmethod("_secret")
    assert bank._number_of_objects() == 3
    del half, secret
    gc.collect()
    wait_until(lambda: bank._number_of_objects() == 1)


def test_nothing_is_left_of_a_manager() -> None:
    with Context() as ctx, redis.Redis.from_url(ctx.url) as client:
        with Bank(ctx=ctx) as bank:
            account = bank.Account()
            account.deposit(1)
            with pytest.raises(ProcessError, match="Already started"):
                bank.start()
        assert bank._process.exitcode == 0
        lost(lambda: account.deposit(1))
        wait_until(lambda: client.keys("broker:{*") == [])
        with pytest.raises(ProcessError, match="has shut down"):
            bank.start()


def test_containers_and_own_classes_of_one_manager(ctx: Context) -> None:
    with ctx.Manager() as plain:
        assert plain._process is None, "a process that is not needed was started"
    with SyncBank(ctx=ctx) as manager:
        accounts = manager.dict(first=manager.Account(1))
        assert accounts["first"].deposit(1) == 2
        SyncBank.register("Late", Account)
        del accounts["first"]
        with pytest.raises(RemoteError, match="Late"):
            manager.Late()
    with pytest.raises(AssertionError, match="not yet started"):
        manager.list()


def test_managers_that_are_dropped_leave_nothing_in_their_context(ctx: Context) -> None:
    kept = ctx.Manager().list([1])
    for _ in range(3):
        pickle.dumps(ctx.Manager().list([1]))
    gc.collect()
    assert len(ctx._of_managers) == 1
    assert kept[:] == [1]
    assert len(ctx._deletions) == 3, "what others may use is deleted when the context is closed"


@pytest.mark.parametrize("address", ["savings", ("", 50_001)])
def test_another_program_connects_to_the_address(ctx: Context, address: Any) -> None:
    with Bank(address, b"key", ctx=ctx) as bank:
        first = bank.Account(5)
        assert bank.address == address
        other = Bank(address if address == "savings" else ("host", address[1]), b"key", ctx=ctx)
        other.connect()
        assert other.Account().pid() == first.pid()
        with pytest.raises(AuthenticationError):
            Bank(address, b"another", ctx=ctx).connect()
    lost(Bank(address, b"key", ctx=ctx).connect)


def test_a_proxy_that_is_collected_while_a_lock_is_held_waits_for_nothing(bank: Any) -> None:
    account = bank.Account()
    account.deposit(1)
    with session._sessions_lock:  # as if the garbage was collected there
        del account
        gc.collect()
    wait_until(lambda: bank._number_of_objects() == 0)


def test_what_is_refused(ctx: Context) -> None:
    assert 0 < Bank(("", 0), ctx=ctx).address[1] < 2**16
    with pytest.raises(UnsupportedError, match="sends pickles"):
        Bank(serializer="xmlrpclib", ctx=ctx)
    with pytest.raises(ArgumentTypeError, match=r"\(host, port\)"):
        Bank(5, ctx=ctx)
    with pytest.raises(TypeError, match="callable"):
        Bank(ctx=ctx).start(5)  # type: ignore[arg-type]
    with Context() as private, pytest.raises(InvalidArgumentError, match="a server that other processes can reach"):
        Bank("savings", ctx=private)


def test_a_call_after_one_that_was_interrupted_gets_its_own_reply(ctx: Context, bank: Any) -> None:
    account, lock = bank.Account(), ctx.Lock()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with lock:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(KeyboardInterrupt):
                account.wait_for(lock)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert account.deposit(5) == 5


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods(server: Any, method: str) -> None:
    with Context(server.url, method=method) as ctx, Bank(ctx=ctx) as bank:
        account = bank.Account(1)
        child = ctx.Process(target=account.deposit, args=(2,))
        child.start()
        child.join(TIMEOUT)
        assert account.deposit(0) == 3
