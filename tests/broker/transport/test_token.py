"""A token says which thread of which process has sent a request."""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from typing import Any
from urllib.parse import unquote

import pytest

from broker import Context
from broker.transport.connection import Connection
from tests.support.actors import TIMEOUT
from tests.support.server_state import count_waiters, holders
from tests.support.waiting import wait_until

NAMES = ["Process-1", "Process-1:2", "a/b: c%20d", "日本", "\udc80", ""]


def not_opened(*_: object) -> Any:
    raise AssertionError("no request is sent")


@pytest.mark.parametrize("name", NAMES)
def test_token_names_host_process_and_thread(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.current_process(), "name", name)
    connection = Connection(not_opened, 1.0)
    token = connection.new_token().decode()
    client, number = token.split(":")
    host, pid, process, _random = client.split("/")
    assert " " not in token
    assert connection.channel.decode() == f"broker:{client}"
    assert (host, pid) == (socket.gethostname(), str(os.getpid()))
    assert unquote(process) == name.replace("\udc80", "?")
    assert number == f"1/{threading.get_native_id()}"


def test_forked_child_names_its_own_thread() -> None:
    fork = multiprocessing.get_context("fork")
    Connection(not_opened, 1.0).new_token()
    here, there = fork.Pipe()
    process = fork.Process(
        target=lambda: there.send((Connection(not_opened, 1.0).new_token(), threading.get_native_id()))
    )
    process.start()
    token, thread = here.recv()
    process.join(TIMEOUT)
    assert token.endswith(b"/%d" % thread)
    assert thread != threading.get_native_id()


def use(lock: Any, items: Any) -> None:
    with lock:
        items.put(items.get())


@pytest.mark.parametrize("name", ["Process-1:2", "a/b: c%20d"])
def test_process_with_any_name_is_notified_of_grants(ctx: Context, name: str) -> None:
    lock, items = ctx.Lock(), ctx.Queue()
    process = ctx.Process(target=use, args=(lock, items), name=name)
    with lock:
        process.start()
        wait_until(lambda: count_waiters(lock) == 1)
    wait_until(lambda: count_waiters(items) == 1)
    (token,) = holders(lock)
    assert token.startswith(f"{socket.gethostname()}/{process.pid}/".encode())
    items.put("x")
    process.join(TIMEOUT)
    assert process.exitcode == 0
    assert items.get() == "x"
