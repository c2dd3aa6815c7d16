"""`lab compare` with plain RQ workers on three hosts, where a host, or the broker's, fails in mid-run."""

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

from tests.hosts.network import Host
from tests.hosts.site import Site
from tests.support.waiting import wait_until

TICKETS = ("tickets", "--clients", "9", "--stock", "6", "--pace", "0.3")
KTV = ("ktv", "--guests", "9", "--rooms", "3", "--pace", "0.5")
DEAD = 5.0  # seconds after which a job's parent knows that its host is lost
RUN = 180.0  # seconds that no run takes


@pytest.mark.parametrize("workers", ["rq", pytest.param("lab", marks=pytest.mark.slow)])
def test_a_host_loses_power_while_a_client_there_has_the_lock(site: Site, workers: str) -> None:
    comparison = Comparison(site, *TICKETS, workers=workers)
    comparison.wait_until_inside(site.one)
    site.one.power_off()
    result = comparison.result()
    assert result["verdict"] == "valid", result["evidence"]
    assert "killed" in result["evidence"]
    assert result["outcome"]["oversold"] == 0
    assert result["host_names"] == ["one", "three", "two"]


@pytest.mark.slow
def test_a_host_is_cut_off_for_less_than_a_lease(site: Site) -> None:
    comparison = Comparison(site, *KTV)
    comparison.wait_until_inside(site.one)
    site.one.cut()
    time.sleep(2.0)
    site.one.heal()
    assert comparison.result()["evidence"].endswith("all 9 finished")


@pytest.mark.slow
def test_a_host_is_cut_off_until_the_run_is_over(site: Site) -> None:
    """Its clients are given up, the others are served. Healed, it ends them, and what they leave expires."""
    comparison = Comparison(site, *TICKETS)
    comparison.wait_until_inside(site.one)
    site.one.cut()
    result = comparison.result()
    assert result["verdict"] == "valid", result["evidence"]
    assert result["outcome"]["oversold"] == 0
    site.one.heal()
    wait_until(lambda: not comparison.orphans())
    site.forget_what_expires()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["cut", "refuse", "unplug"])
def test_the_broker_is_away_for_less_than_a_lease(site: Site, fault: str) -> None:
    comparison = Comparison(site, *KTV)
    comparison.wait_until_inside(site.one)
    getattr(site.broker, fault)()
    time.sleep(2.0)
    site.broker.heal()
    assert comparison.result()["evidence"].endswith("all 9 finished")


@pytest.mark.slow
@pytest.mark.server(appendonly="yes", appendfsync="everysec")
def test_the_broker_is_killed_and_restarted_with_its_data(site: Site) -> None:
    """All jobs have begun: one that a plain RQ worker was just taking off the queue would be lost between the two."""
    comparison = Comparison(site, "tickets", "--clients", "6", "--stock", "4", "--pace", "0.5")
    comparison.wait_until_begun(6)
    site.server.kill()
    site.server.start()
    result = comparison.result()
    assert result["evidence"].startswith("4 sold and 0 left, of 4")
    assert result["evidence"].endswith("all 6 finished")


class Comparison:
    """The lab on a host of its own, two workers on each of the others: RQ's, or those of `lab worker`."""

    def __init__(self, site: Site, *exercise: str, workers: str = "rq") -> None:
        self._site = site
        self._client = redis.Redis.from_url(site.server.url)
        self._figures = Path(site.folder, "figures.json")
        self._output = Path(site.folder, "output")
        rq = ["rq.cli", "worker", "lab", "--quiet", "--url", site.url]
        own = ["lab", "worker", "-n", "1", "--redis-url", site.url]
        words = [sys.executable, "-m", *{"rq": rq, "lab": own}[workers]]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._workers = [host.start(*words, **quiet) for host in (*site.hosts, *site.hosts)]
        wait_until(lambda: self._client.scard("rq:workers:lab") == len(self._workers))
        lab = [sys.executable, "-m", "lab", "compare", *exercise, "--on", "rq", "--redis-url", site.url]
        with self._output.open("w") as output:
            words = [*lab, "--json", self._figures]
            self._lab = site.desk.start(*words, stdout=output, stderr=subprocess.STDOUT)

    def wait_until_inside(self, host: Host) -> None:
        """Return when somebody on `host` has a permit of the exercise."""
        wait_until(lambda: host.name.encode() in self._inside())

    def wait_until_begun(self, jobs: int) -> None:
        """Return when so many jobs live."""
        wait_until(lambda: len(list(self._client.scan_iter("broker:{lock:life-*}"))) == jobs)

    def _inside(self) -> Iterator[bytes]:
        for key in self._client.scan_iter("broker:{*}", _type="hash"):
            if not key.startswith(b"broker:{lock:life-"):
                yield from (field.partition(b"/")[0] for field in self._client.hkeys(key))

    def result(self) -> dict[str, Any]:
        """Return the figures at the end of the run."""
        assert self._lab.join(RUN) == 0, self._output.read_text()
        (result,) = json.loads(self._figures.read_text())["runs"]
        return dict(result)

    def orphans(self) -> list[psutil.Process]:
        """Return the processes of jobs that are still there."""
        return [child for worker in self._workers for child in psutil.Process(worker.pid).children(recursive=True)]
