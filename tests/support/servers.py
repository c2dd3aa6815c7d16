"""Redis servers that a test can configure, kill and restart."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import redis

from broker.server.private_server import find_server_program
from tests.support.waiting import wait_until


class Server:
    """A server on a Unix socket in `folder`, started by `launch`; options are those of redis-server."""

    def __init__(self, folder: Path, launch: Callable[[list[str]], Any] | None = None, **options: str) -> None:
        self._path = folder / "redis.sock"
        self.url = f"unix://{self._path}"
        words = {"port": "0", "unixsocket": str(self._path), "dir": str(folder), "save": "", **options}
        self._launch = launch or _launch
        self._command = [find_server_program(), *(word for name in words for word in (f"--{name}", words[name]))]
        self.start()

    def start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._process = self._launch(self._command)
        wait_until(self._answers)

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.AuthenticationError:
                return True
            except redis.ConnectionError:
                return False

    def kill(self) -> None:
        """Kill it with SIGKILL, and wait for its end."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def _launch(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)
