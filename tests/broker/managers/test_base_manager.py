"""Objects of own classes: in a process that clients reach through the server, until it ends, by whatever cause."""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import pickle
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing import AuthenticationError, ProcessError
from typing import Any

import pytest
import redis

from broker import BrokerError, Context, InvalidArgumentError, Lock, ManagerLostError, UnsupportedError
from broker.engine import session
from broker.errors import ArgumentTypeError, ServerUnavailableError
from broker.managers import BaseManager, BaseProxy, RemoteError, SyncManager
from broker.managers.address import manager_address
from broker.managers.listener import CLIENT, AcceptedConnection, Listener, ListenerClosedError
from broker.messages.pipe import PipeConnection
from broker.messages.pipe_ends import Inbox
from broker.transport.connection import NEVER
from tests.support.actors import TIMEOUT, Actor
from tests.support.waiting import wait_until


class Account:
    """What the manager's process holds."""

    def __init__(self, balance: int = 0) -> None:
        self._balance = balance

    def deposit(self, amount: int) -> int:
        self._balance += amount
        return self._balance

    def fail(self) -> None:
        raise ArithmeticError("overdrawn")

    def wait_for(self, lock: Lock) -> bool:
        with lock:
            return True

    def split(self) -> Account:
        return Account(self._balance // 2)

    def pid(self) -> int:
        return os.getpid()

    def _secret(self) -> str:
        return "secret"

    def __iter__(self) -> Iterator[int]:
        return iter(range(3))


class IteratorProxy(BaseProxy):
    _exposed_ = ("__next__",)

    def __iter__(self) -> IteratorProxy:
        return self

    def __next__(self) -> Any:
        return self._callmethod("__next__")


class Bank(BaseManager):
    pass


Bank.register("Account", Account, method_to_typeid={"split": "Part", "__iter__": "Iterator"})
Bank.register("Part", create_method=False)
Bank.register("Secret", Account, exposed=("_secret",))
Bank.register("Iterator", proxytype=IteratorProxy, create_method=False)


class SyncBank(SyncManager):
    pass


SyncBank.register("Account", Account)


@pytest.fixture
def bank(ctx: Context) -> Iterator[Any]:
    with Bank(ctx=ctx) as manager:
        yield manager


def lost(call: Callable[[], object]) -> None:
    with pytest.raises(ManagerLostError):
        call()


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


@pytest.mark.parametrize("error", [BrokerError("no memory left"), redis.ResponseError("refused")])
def test_an_error_of_the_server_does_not_end_accepting(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    listener = Listener(manager_address(None, ctx, PipeConnection))
    listener.address.requests()._put(pickle.dumps(("connection", b"token")), NEVER)

    def fail(*_: object) -> None:
        monkeypatch.undo()
        raise error

    monkeypatch.setattr(Inbox, "_get", fail)
    listener.accept().end()
    listener.close()


def test_the_address_of_a_closed_listener_stays_free(ctx: Context) -> None:
    listener: Any = Listener(manager_address("savings", ctx, PipeConnection))
    is_waiting, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def wait_in_vain(_: float) -> None:
        is_waiting.set()
        go_on.wait(TIMEOUT)
        raise queue.Empty

    def accept() -> None:
        with pytest.raises(ListenerClosedError):
            listener.accept()
        ended.set()

    listener._requests._get = wait_in_vain
    threading.Thread(target=accept, daemon=True).start()
    assert is_waiting.wait(TIMEOUT)
    listener.close()
    go_on.set()
    assert ended.wait(TIMEOUT)
    assert listener.address.lock().holders() == []


def test_an_outage_leaves_no_reply_that_the_next_call_would_get(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    server: Any = Bank(ctx=ctx).get_server()
    server.stop_event = threading.Event()
    client = PipeConnection(ctx.url, "connection", CLIENT, True, True)
    accepted = AcceptedConnection(manager_address(None, ctx, PipeConnection), set(), "connection", b"token")
    errors = iter([ServerUnavailableError("it did not answer"), EOFError()])

    def fail(*_: object) -> None:
        raise next(errors)

    with monkeypatch.context() as patch:
        patch.setattr(accepted._end, "recv_bytes", fail)
        with pytest.raises(SystemExit):
            server.serve_client(accepted)
    errors = iter([ServerUnavailableError("it is unknown whether the reply was sent")])
    with monkeypatch.context() as patch:
        patch.setattr(accepted._end, "send_bytes", fail)
        with pytest.raises(ServerUnavailableError):
            accepted.send(("#RETURN", 1))
    with pytest.raises(OSError, match="closed"):
        accepted.send(("#UNSERIALIZABLE", ""))
    with pytest.raises(EOFError):
        client.recv()
    client.close()
    server.listener.close()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods(server: Any, method: str) -> None:
    with Context(server.url, method=method) as ctx, Bank(ctx=ctx) as bank:
        account = bank.Account(1)
        child = ctx.Process(target=account.deposit, args=(2,))
        child.start()
        child.join(TIMEOUT)
        assert account.deposit(0) == 3


@pytest.mark.slow
def test_a_process_that_does_not_start(server: Any) -> None:
    def fail() -> None:
        raise SystemExit(3)

    with Context(server.url) as ctx, pytest.raises(EOFError, match="ended before it was ready"):
        Bank(ctx=ctx).start(fail)
    with Context(server.url, method="spawn") as ctx, pytest.raises((AttributeError, pickle.PicklingError)):
        Bank(ctx=ctx).start(fail)


@pytest.mark.slow
def test_a_connection_that_is_ended_while_it_waits_for_its_client(ctx: Context) -> None:
    address = manager_address(None, ctx, PipeConnection)
    client = PipeConnection(ctx.url, "connection", CLIENT, True, True)
    accepted = AcceptedConnection(address, set(), "connection", b"token")
    results: list[object] = []
    waiting = threading.Thread(target=lambda: results.append(accepted.close()))
    waiting.start()
    wait_until(lambda: len(accepted._end._inbox.waiters()) == 1)
    accepted.end()
    waiting.join(TIMEOUT)
    assert results == [None], "it has raised an exception"
    client.close()


def test_a_process_that_ends_waits_until_its_threads_have_deleted_their_pipes(
    ctx: Context, client: redis.Redis
) -> None:
    connections: set[AcceptedConnection] = set()
    accepted: Any = AcceptedConnection(manager_address(None, ctx, PipeConnection), connections, "connection", b"token")
    is_closed, go_on = threading.Event(), threading.Event()
    close = accepted._end.close

    def close_slowly() -> None:
        close()
        is_closed.set()
        go_on.wait(TIMEOUT)

    accepted._end.close = close_slowly
    threads = [threading.Thread(target=accepted.end) for _ in range(2)]
    threads[0].start()
    assert is_closed.wait(TIMEOUT)
    assert connections == {accepted}
    threads[1].start()
    threads[1].join(0.1)
    assert threads[1].is_alive()
    go_on.set()
    threads[1].join(TIMEOUT)
    assert client.keys("broker:{*:connection:*") == []
    threads[0].join(TIMEOUT)


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
