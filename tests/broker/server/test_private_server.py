"""The private server is its owner's alone, and goes when its owner goes, however that is."""

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

from broker import Context
from broker.errors import InvalidArgumentError
from broker.server.private_server import PrivateServer
from tests.support.waiting import wait_until

# Starts a server, says where, and then waits; with "fork" a child of it lives on.
OWNER = """
import os, signal, sys, broker
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
    signal.pause()
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
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.servers = [each for each in family if each.pid != int(self.child)]

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def gone(self) -> bool:
        return not self.folder.exists() and not any(runs(each) for each in self.servers)


def runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # whether somebody buries it is not for us to say
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


def test_it_is_gone_when_its_owner_is_killed(owner: Owner) -> None:
    assert owner.servers, "there was one"
    owner.process.kill()
    wait_until(owner.gone)


def test_ctrl_c_is_for_the_owner_which_may_still_need_it(owner: Owner) -> None:
    os.killpg(owner.process.pid, signal.SIGINT)
    assert owner.read().strip() == "True", "the server still answered"
    wait_until(owner.gone)


def test_only_its_owner_may_enter() -> None:
    with Context() as context:
        folder = Path(context.url.removeprefix("unix://")).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "redis.sock").stat().st_mode) == 0o700
        assert "port" not in context.url
    assert not folder.exists(), "and nothing is left when the context was closed"


def test_closing_twice_does_no_harm() -> None:
    server = PrivateServer()
    server.close()
    server.close()


def test_a_context_starts_none_if_the_environment_names_one(
    server: PrivateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_REDIS_URL", server.url)
    with Context() as context:
        assert context.url == server.url
        with context.Lock():
            pass
    assert Path(server.url.removeprefix("unix://")).exists(), "it was not this context's to stop"


def test_or_a_file_that_has_its_url(server: PrivateServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(server.url + "\n")
    monkeypatch.setenv("LAB_REDIS_URL_FILE", str(tmp_path / "url"))
    with Context() as context:
        assert context.url == server.url
    monkeypatch.setenv("LAB_REDIS_URL", "redis://127.0.0.1:1")
    with Context() as context:
        assert context.url == "redis://127.0.0.1:1"


@pytest.mark.parametrize("content", [None, b"", b"\xff"], ids=["missing", "empty", "binary"])
def test_a_file_without_a_url_is_told(content: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "url").write_bytes(content)
    monkeypatch.setenv("LAB_REDIS_URL_FILE", str(tmp_path / "url"))
    with Context() as context, pytest.raises(InvalidArgumentError, match=f"LAB_REDIS_URL_FILE names {tmp_path}/url"):
        context.Lock()


def test_a_closed_context_starts_a_new_one() -> None:
    context = Context()
    first = context.url
    context.close()
    with context:
        assert context.url != first
        assert context.Lock().acquire(False)
