"""The servers of a run: Redis, and a manager process of multiprocessing; and what Redis executed."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.managers import SyncManager
from threading import Thread
from typing import Any

import redis

from bench.workers import CONTEXT
from broker.server.private_server import find_server_program
from broker.subprocesses.supervised_process import SupervisedProcess

HOST = "127.0.0.1"
START_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True)
class Traffic:
    """What Redis has executed so far."""

    requests: int  # read from clients; commands that a client sends together, as a pipeline, are one
    commands: int  # executed, by themselves or by scripts

    def since(self, earlier: Traffic) -> Traffic:
        """Return what came between the two readings, without the request that read this one."""
        return Traffic(self.requests - earlier.requests - 1, self.commands - earlier.commands - 1)


class Server:
    """A Redis server and a manager, each on a loopback TCP port; they end with this process, or at `close`."""

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
        self.manager = SyncManager((HOST, 0), ctx=CONTEXT)
        self.manager.start(_end_with_parent)

    def close(self) -> None:
        """Stop the servers and wait until they are gone."""
        self.manager.shutdown()
        self.client.close()
        self._process.close()

    def cpu_seconds(self) -> float:
        """Return the processor time that Redis has used so far."""
        info = self.client.info("cpu")
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    def traffic(self) -> Traffic:
        """Return what Redis has executed so far, from its own counters, which cost it no time."""
        info = self.client.info("all")
        closed = info["total_connections_received"] - info["connected_clients"]  # the end of each was read, too
        commands = sum(statistics["calls"] for name, statistics in info.items() if name.startswith("cmdstat_"))
        return Traffic(info["total_reads_processed"] - closed, commands)

    @contextmanager
    def pinned(self, core: int) -> Iterator[None]:
        """Keep the servers on one core."""
        processes = (self._pid, self.manager._process.pid)
        before = os.sched_getaffinity(self._pid)
        _set_affinity(processes, {core})
        try:
            yield
        finally:
            _set_affinity(processes, before)

    def _first_info(self) -> dict[str, Any]:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                return self.client.info("server")
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    self._process.close()
                    raise
                time.sleep(0.01)


def _set_affinity(processes: Iterable[int], cores: set[int]) -> None:
    for process in processes:
        for thread in os.listdir(f"/proc/{process}/task"):
            with suppress(ProcessLookupError):  # the manager has one for each connection
                os.sched_setaffinity(int(thread), cores)


def _end_with_parent() -> None:
    """Make the manager end when its parent is killed, which cannot call `shutdown`."""

    def wait() -> None:
        parent_process().join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
