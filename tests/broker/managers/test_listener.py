"""How clients reach the process of a manager: a listener under a name, and a pipe for each connection."""

from __future__ import annotations

import pickle
import queue
import threading
from typing import Any

import pytest
import redis

from broker import BrokerError, Context
from broker.errors import ServerUnavailableError
from broker.managers.address import manager_address
from broker.managers.listener import CLIENT, AcceptedConnection, Listener, ListenerClosedError
from broker.messages.pipe import PipeConnection
from broker.messages.pipe_ends import Inbox
from broker.transport.connection import NEVER
from tests.support.actors import TIMEOUT
from tests.support.bank import Bank
from tests.support.waiting import wait_until


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
