"""Fixtures that run the `lab` command."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from broker.server.private_server import PrivateServer
from lab.__main__ import main
from lab.language import language
from tests.support.lab import FinishedLab, LabProcess, RunLab, StartLab
from tests.support.rq_worker import RQ_MAINTENANCE_KEY
from tests.support.waiting import wait_until


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartLab]:
    """Starts the `lab` command and does not wait for it."""
    sessions = []

    def start(*arguments: object) -> LabProcess:
        sessions.append(LabProcess([str(argument) for argument in arguments], tmp_path))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()


@pytest.fixture
def lab(start: StartLab) -> RunLab:
    """Runs the `lab` command to its end; it must print no traceback, and leave no process and no file behind."""

    def run(*arguments: object) -> FinishedLab:
        session = start(*arguments)
        finished = session.finish()
        assert "Traceback" not in finished.stderr
        wait_until(lambda: not session.alive())
        assert not list(session.temporary.iterdir())
        return finished

    return run


@pytest.fixture
def lab_in_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[RunLab]:
    """Runs the `lab` command as `lab` does, but in this process: much faster, for commands that start no process."""
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.modules["__main__"], "__package__", None)  # of pytest, if it was started with `-m`

    def run(*arguments: object) -> FinishedLab:
        monkeypatch.setattr(sys, "argv", ["lab", *map(str, arguments)])
        with pytest.raises(SystemExit) as exited:
            main()
        printed = capsys.readouterr()
        assert isinstance(exited.value.code, int)
        return subprocess.CompletedProcess(sys.argv, exited.value.code, printed.out, printed.err)

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def url(server: PrivateServer, client: redis.Redis) -> Iterator[str]:
    """The URL of a server on which a test must leave no keys.

    RQ's record of an execution may stay for 30 s, if a worker took so long to stop that it was killed.
    """
    before = set(client.keys("*")) | {RQ_MAINTENANCE_KEY}
    yield server.url
    wait_until(lambda: set(client.keys("*")) <= before, fails_with=lambda: f"left: {set(client.keys('*')) - before}")


@pytest.fixture
def chinese() -> Iterator[None]:
    """Prints in Chinese within the test."""
    with language("zh"):
        yield
