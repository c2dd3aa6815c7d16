"""Servers that are unavailable or unsuitable are refused with one sentence that says what to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import broker
from broker import Context, ServerUnavailableError, UnsuitableServerError
from broker.server import check
from tests.support.errors import message_of
from tests.support.servers import Server


def test_unavailable_server(folder: Path) -> None:
    with pytest.raises(ServerUnavailableError) as error:
        broker.get_context(f"unix://{folder}/nobody")
    assert "start one" in message_of(error)


def test_message_about_an_unavailable_server_hides_the_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ServerUnavailableError) as error:
        broker.get_context(f"redis://user:secret@127.0.0.1:{port}")
    assert "secret" not in message_of(error)


@pytest.fixture
def web_server() -> Iterator[str]:
    """The URL of a server that speaks HTTP, not Redis."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: some\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_server_that_is_not_redis(web_server: str) -> None:
    with pytest.raises(UnsuitableServerError) as error:
        broker.get_context(web_server)
    assert "not a Redis server" in message_of(error)


def test_server_that_requires_a_password(folder: Path) -> None:
    with Server(folder, requirepass="secret") as secured:
        with pytest.raises(UnsuitableServerError) as error:
            broker.get_context(secured.url)
        assert "password@" in message_of(error)
        with pytest.raises(UnsuitableServerError) as error:
            broker.get_context(secured.url.replace("unix://", "unix://:wrong@"))
        assert "wrong@" not in message_of(error)
        with broker.get_context(secured.url.replace("unix://", "unix://:secret@")) as context:
            assert context.Lock().acquire(False)
        lock, queue, event = (kind.at(secured.url, "unchecked") for kind in (broker.Lock, broker.Queue, broker.Event))
        for request in (lock.acquire, queue.get, lambda: queue.put(1), event.is_set, event.set):
            with pytest.raises(UnsuitableServerError, match="NOAUTH Authentication required"):
                request()


def test_server_that_may_evict_keys(folder: Path) -> None:
    options = {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}
    with Server(folder, **options) as evicting:
        with pytest.raises(UnsuitableServerError) as error:
            broker.get_context(evicting.url)
        assert "CONFIG SET maxmemory-policy noeviction" in message_of(error)


def test_server_with_maxmemory_that_evicts_nothing_is_suitable(folder: Path) -> None:
    options = {"maxmemory": "100mb", "maxmemory-policy": "noeviction"}
    with Server(folder, **options) as bounded, broker.get_context(bounded.url) as context:
        assert context.Lock().acquire(False)


@pytest.mark.parametrize("version", ["2.8.24", "5.0.14", "6.0.16"])
def test_server_that_is_too_old(ctx: Context, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(check, "_parse_info", lambda reply: {"redis_version": version})
    with pytest.raises(UnsuitableServerError) as error:
        broker.get_context(ctx.url)
    assert version in message_of(error)
    assert "6.2" in message_of(error)
