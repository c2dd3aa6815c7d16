"""Servers that are unavailable or unsuitable are refused with one sentence that says what to do."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

import broker
from broker import Context, ServerUnavailableError, UnsuitableServerError
from broker.engine.session import get_session
from broker.server import check
from tests.support.errors import message_of
from tests.support.fake_server import FakeServer
from tests.support.secured_server import server_programs
from tests.support.servers import Server
from tests.support.waiting import wait_until


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


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 400 Bad Request\r\nServer: some\r\n\r\n",
        b"+OK\r\n",
        b":1\r\n",
        b"$-1\r\n",
        b"*1\r\n$1\r\na\r\n",
        b"SSH-2.0\r\n",
    ],
)
def test_server_that_is_not_redis(reply: bytes) -> None:
    with FakeServer(reply) as server, pytest.raises(UnsuitableServerError) as error:
        broker.get_context(server.url)
    assert "unexpected reply" in message_of(error)
    assert "a Redis server" in message_of(error)


@pytest.mark.parametrize("version", [b"", b"redis_version:unknown", b"\xff:\xff"])
def test_server_without_a_version(version: bytes) -> None:
    with (
        FakeServer(b"$%d\r\n%b\r\n" % (len(version), version)) as server,
        pytest.raises(UnsuitableServerError) as error,
    ):
        broker.get_context(server.url)
    assert "not a Redis server" in message_of(error)


each_program = pytest.mark.parametrize("program", server_programs(), ids=lambda path: Path(path).parent.parent.name)


def launcher(program: str, *options: str) -> Callable[[list[str]], subprocess.Popen[bytes]]:
    return lambda command: subprocess.Popen([program, *command[1:], *options], stdout=subprocess.DEVNULL)


@each_program
def test_replica(folder: Path, program: str) -> None:
    with Server(folder, launcher(program)) as replica:
        with redis.Redis.from_url(replica.url) as client:
            client.replicaof("10.9.8.7", 6543)
        with pytest.raises(UnsuitableServerError) as error:
            broker.get_context(replica.url)
    assert "give the URL of its master, 10.9.8.7:6543" in message_of(error)


@each_program
def test_node_of_a_cluster(folder: Path, program: str) -> None:
    with Server(folder, launcher(program), **{"cluster-enabled": "yes"}) as node:
        for url in (node.url, node.url + "?db=1"):
            with pytest.raises(UnsuitableServerError) as error:
                broker.get_context(url)
            assert "without cluster mode" in message_of(error)


def answers(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


@each_program
def test_sentinel(folder: Path, program: str) -> None:
    path = folder / "redis.sock"
    configuration = folder / "sentinel.conf"
    configuration.write_text(f"port 0\nunixsocket {path}\nsentinel monitor main 127.0.0.1 1 1\n")
    process = subprocess.Popen([program, str(configuration), "--sentinel"], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(f"unix://{path}"))
        with pytest.raises(UnsuitableServerError) as error:
            broker.get_context(f"unix://{path}")
        assert "is a Sentinel; give the URL of the master" in message_of(error)
    finally:
        process.kill()
        process.wait()


def test_database_that_does_not_exist(ctx: Context) -> None:
    url = ctx.url + "?db=99"
    calls = [lambda: broker.get_context(url), broker.Lock.at(url, "x").acquire, broker.Event.at(url, "x").wait]
    for call in calls:
        with pytest.raises(UnsuitableServerError) as error:
            call()
        assert "does not have the database of the URL" in message_of(error)
    get_session(url).close()


@each_program
def test_user_without_rights(folder: Path, program: str) -> None:
    with Server(folder, launcher(program)) as server:
        with redis.Redis.from_url(server.url) as client:
            client.acl_setuser("guest", enabled=True, passwords=["+guest"], commands=["-@all"])
        with pytest.raises(UnsuitableServerError) as error:
            broker.get_context(server.url.replace("unix://", "unix://guest:guest@"))
    assert "the rights in broker.acl" in message_of(error)


@each_program
def test_renamed_command(folder: Path, program: str) -> None:
    launch = launcher(program, "--rename-command", "INFO", "OTHER")
    with Server(folder, launch) as server, pytest.raises(UnsuitableServerError) as error:
        broker.get_context(server.url)
    assert "neither renamed nor disabled" in message_of(error)


def test_server_with_too_many_clients(folder: Path) -> None:
    with Server(folder) as server, redis.Redis.from_url(server.url) as client:
        client.config_set("maxclients", 1)
        with pytest.raises(ServerUnavailableError) as error:
            broker.get_context(server.url)
    assert "max number of clients reached" in message_of(error)


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
