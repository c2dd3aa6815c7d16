"""`lab compare` with workers on three hosts, while one of them, or the server's host, fails."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from tests.hosts.cluster import Cluster
from tests.hosts.network import Host
from tests.support.waiting import wait_until

TICKETS = ("tickets", "--clients", "9", "--stock", "6", "--pace", "0.3")
KTV = ("ktv", "--guests", "9", "--rooms", "3", "--pace", "0.5")
RUN_TIMEOUT = 180.0  # seconds, longer than any run takes


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["rq", "lab"])
def test_host_loses_power_while_a_client_on_it_holds_the_lock(cluster: Cluster, workers: str) -> None:
    comparison = Comparison(cluster, *TICKETS, workers=workers)
    comparison.wait_until_inside(cluster.one)
    cluster.one.power_off()
    result = comparison.result()
    assert result["verdict"] == "valid", result["evidence"]
    assert "killed" in result["evidence"]
    assert result["outcome"]["oversold"] == 0
    assert result["host_names"] == ["one", "three", "two"]


@pytest.mark.slow
def test_host_cut_off_for_less_than_a_lease(cluster: Cluster) -> None:
    comparison = Comparison(cluster, *KTV)
    comparison.wait_until_inside(cluster.one)
    cluster.one.drop_packets()
    time.sleep(2.0)
    cluster.one.restore_network()
    assert comparison.result()["evidence"].endswith("all 9 finished")


@pytest.mark.slow
def test_host_cut_off_until_the_run_has_ended(cluster: Cluster) -> None:
    """Its clients count as killed, the others are served. Restored, it kills them, and the keys they leave expire."""
    comparison = Comparison(cluster, *TICKETS)
    comparison.wait_until_inside(cluster.one)
    cluster.one.drop_packets()
    result = comparison.result()
    assert result["verdict"] == "valid", result["evidence"]
    assert result["outcome"]["oversold"] == 0
    cluster.one.restore_network()
    wait_until(lambda: not comparison.orphans())
    cluster.delete_expiring_keys()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["drop_packets", "reset_connections", "set_link_down"])
def test_server_unreachable_for_less_than_a_lease(cluster: Cluster, fault: str) -> None:
    comparison = Comparison(cluster, *KTV)
    comparison.wait_until_inside(cluster.one)
    getattr(cluster.server_host, fault)()
    time.sleep(2.0)
    cluster.server_host.restore_network()
    assert comparison.result()["evidence"].endswith("all 9 finished")


@pytest.mark.slow
@pytest.mark.server(appendonly="yes", appendfsync="everysec")
def test_server_killed_and_restarted_with_its_data(cluster: Cluster) -> None:
    """All jobs run by then: one that a plain RQ worker is just dequeuing would be lost."""
    comparison = Comparison(cluster, "tickets", "--clients", "6", "--stock", "4", "--pace", "0.5")
    comparison.wait_until_jobs_run(6)
    cluster.server.kill()
    cluster.server.start()
    result = comparison.result()
    assert result["evidence"].startswith("4 sold and 0 left, of 4")
    assert result["evidence"].endswith("all 6 finished")


class Comparison:
    """The lab on a host of its own, and two workers on each of the others: RQ's, or those of `lab worker`."""

    def __init__(self, cluster: Cluster, *exercise: str, workers: str = "rq") -> None:
        self._cluster = cluster
        self._client = redis.Redis.from_url(cluster.server.url)
        self._figures = Path(cluster.folder, "figures.json")
        self._output = Path(cluster.folder, "output")
        rq = ["rq.cli", "worker", "lab", "--quiet", "--url", cluster.url]
        own = ["lab", "worker", "-n", "1", "--redis-url", cluster.url]
        words = [sys.executable, "-m", *{"rq": rq, "lab": own}[workers]]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._workers = [host.start(*words, **quiet) for host in (*cluster.hosts, *cluster.hosts)]
        wait_until(lambda: self._client.scard("rq:workers:lab") == len(self._workers))
        lab = [sys.executable, "-m", "lab", "compare", *exercise, "--on", "rq", "--redis-url", cluster.url]
        with self._output.open("w") as output:
            words = [*lab, "--json", self._figures]
            self._lab = cluster.lab_host.start(*words, stdout=output, stderr=subprocess.STDOUT)

    def wait_until_inside(self, host: Host) -> None:
        """Wait until a process on `host` holds a permit of the exercise."""
        wait_until(lambda: host.name.encode() in self._inside())

    def wait_until_jobs_run(self, jobs: int) -> None:
        """Wait until so many jobs run."""
        wait_until(lambda: len(list(self._client.scan_iter("broker:{lock:life-*}"))) == jobs)

    def _inside(self) -> Iterator[bytes]:
        for key in self._client.scan_iter("broker:{*}", _type="hash"):
            if not key.startswith(b"broker:{lock:life-"):
                yield from (field.partition(b"/")[0] for field in self._client.hkeys(key))

    def result(self) -> dict[str, Any]:
        """Return the figures at the end of the run."""
        assert self._lab.join(RUN_TIMEOUT) == 0, self._output.read_text()
        (result,) = json.loads(self._figures.read_text())["runs"]
        return dict(result)

    def orphans(self) -> list[psutil.Process]:
        """Return the processes of jobs that still exist."""
        return [child for worker in self._workers for child in psutil.Process(worker.pid).children(recursive=True)]
