"""The Redis server of a run, and the requests that it received."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from broker.server.private_server import find_server_program
from broker.subprocesses.supervised_process import SupervisedProcess

HOST = "127.0.0.1"
START_TIMEOUT = 10.0  # seconds


class Server:
    """A Redis server on a loopback TCP port; it ends with this process, or at `close`."""

    def __init__(self) -> None:
        self.port = _free_port()
        self.url = f"redis://{HOST}:{self.port}/0"
        options = {"bind": HOST, "port": str(self.port), "save": "", "appendonly": "no", "logfile": ""}
        words = [word for option, value in options.items() for word in (f"--{option}", value)]
        self._process = SupervisedProcess([find_server_program(), *words], output=subprocess.DEVNULL)
        self.client = redis.Redis.from_url(self.url)
        info = self._first_info()
        self.version = str(info["redis_version"])
        self._pid = int(info["process_id"])

    def close(self) -> None:
        """Stop the server and wait until it is gone."""
        self.client.close()
        self._process.close()

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used so far."""
        info = self.client.info("cpu")
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    @contextmanager
    def pinned(self, core: int) -> Iterator[None]:
        """Keep the server's command thread on one core."""
        before = os.sched_getaffinity(self._pid)
        os.sched_setaffinity(self._pid, {core})
        try:
            yield
        finally:
            os.sched_setaffinity(self._pid, before)

    def _first_info(self) -> dict[str, Any]:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                return self.client.info("server")
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    self.close()
                    raise
                time.sleep(0.01)


@dataclass(frozen=True)
class Traffic:
    """What a server executed between two moments."""

    requests: int  # sent by clients
    commands: int  # those, and what scripts called


class Monitor:
    """Counts what the server executes, from its creation until `stop`.

    INFO's counters do not distinguish a client's GET from a script's; MONITOR does. It slows the server down, so
    nothing is timed while it runs.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._socket = socket.create_connection((HOST, server.port))
        self._lines = self._socket.makefile("rb")
        self._socket.sendall(b"MONITOR\r\n")
        self._lines.readline()

    def stop(self) -> Traffic:
        """Stop counting and return the counts."""
        last = uuid.uuid4().hex.encode()
        self._server.client.echo(last)
        requests = commands = 0
        for line in self._lines:
            if last in line:
                break
            commands += 1
            requests += not line.split(b"]", 1)[0].endswith(b" lua")
        self._lines.close()
        self._socket.close()
        return Traffic(requests, commands)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
