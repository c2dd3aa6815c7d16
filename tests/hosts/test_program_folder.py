"""A program runs on hosts that have never seen it: its folder is sent to them, and removed again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.hosts.cluster import Cluster
from tests.hosts.network import ENVIRONMENT
from tests.hosts.program import Program
from tests.support.waiting import wait_until

MAIN = """
import multiprocessing, pathlib, socket
import prices

def cost(item):
    catalogue = pathlib.Path(__file__).with_name("catalogue.txt").read_text().split()
    return item, prices.of(item, catalogue), open("catalogue.txt").read(1), socket.gethostname()

if __name__ == "__main__":
    with multiprocessing.get_context({method!r}).Pool(4) as pool:
        for line in pool.map(cost, range(4)):
            print(*line)
"""
FAIL = """
    failing = multiprocessing.Process(target=prices.fail)
    failing.start()
    failing.join()
    print(failing.exitcode)
"""
PRICES = """
def of(item, catalogue):
    return int(catalogue[item]) * 10

def fail():
    raise LookupError("no price")  # in its source
"""
SECRET = {"LAB_SECRET": "a secret of more than 32 characters, for tests"}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_folder_is_sent_to_hosts_that_lack_it(cluster: Cluster, method: str) -> None:
    folder = make_program(cluster, MAIN.format(method=method) + FAIL)
    run = ProgramRun(cluster, folder)
    assert run.finish() == 0, run.output
    lines = run.output.splitlines()
    rows = [line.split() for line in lines[:4]]
    assert [row[:3] for row in rows] == [["0", "30", "3"], ["1", "40", "3"], ["2", "50", "3"], ["3", "60", "3"]]
    assert {row[3] for row in rows} <= {"one", "two"}
    assert lines[-1] == "1"
    assert 'prices.py", line 6, in fail' in run.output
    assert 'raise LookupError("no price")  # in its source' in run.output
    wait_until(lambda: not run.copies())
    assert not list(redis.Redis.from_url(cluster.server.url).scan_iter("lab:program:*"))


@pytest.mark.slow
def test_module_that_a_host_has_in_another_version_is_replaced(cluster: Cluster) -> None:
    folder = make_program(cluster, MAIN.format(method="fork"))
    other = folder.with_name("other")
    other.mkdir()
    for name, text in {"main.py": MAIN.format(method="fork"), "prices.py": PRICES.replace("10", "99")}.items():
        (other / name).write_text(text)
    run = ProgramRun(cluster, folder, hidden_by=other)
    assert run.finish() == 0, run.output
    assert [line.split()[1] for line in run.output.splitlines()[:4]] == ["30", "40", "50", "60"]


@pytest.mark.slow
def test_folder_that_is_too_large_is_not_sent(cluster: Cluster) -> None:
    folder = make_program(cluster, "import multiprocessing, prices\nif 1:" + FAIL)
    (folder / "film").write_bytes(bytes(17 * 2**20))
    run = ProgramRun(cluster, folder)
    assert run.finish() == 0, run.output
    assert "was not sent to other hosts: it has more than 16 MB" in run.output
    assert "No module named 'prices'" in run.output
    assert run.output.endswith("1\n")


def make_program(cluster: Cluster, text: str) -> Path:
    folder = Path(cluster.folder, "program")
    folder.mkdir()
    for name, content in {"main.py": text, "prices.py": PRICES, "catalogue.txt": "3 4 5 6"}.items():
        (folder / name).write_text(content)
    return folder


class ProgramRun:
    """`lab run` on one host, with workers on two that have no such folder, or another one in its place."""

    def __init__(self, cluster: Cluster, folder: Path, hidden_by: Path | None = None) -> None:
        self._temporary = Path(cluster.folder, "tmp")
        self._temporary.mkdir()
        self._output = Path(cluster.folder, "output")
        environment = ENVIRONMENT | SECRET | {"LAB_REDIS_URL": cluster.url}
        for host in (cluster.one, cluster.two):
            words = ["--bind", hidden_by] if hidden_by else ["-t", "tmpfs", "none"]
            host.run("mount", *words, folder)
            options = {"env": environment | {"TMPDIR": str(self._temporary)}, "stderr": subprocess.DEVNULL}
            host.start(sys.executable, "-m", "lab", "worker", "-n", "2", **options)
        with redis.Redis.from_url(cluster.server.url) as client:
            wait_until(lambda: client.scard("rq:workers:lab") == 4)
        command = [sys.executable, "-m", "lab", "run", folder / "main.py", "--on", "rq"]
        with self._output.open("w") as output:
            options = {"env": environment, "stdout": output, "stderr": subprocess.STDOUT}
            words = ["env", "-C", folder, f"PYTHONPATH={Path(__file__).parents[2]}", *command]
            self._lab: Program = cluster.lab_host.start(*words, **options)

    @property
    def output(self) -> str:
        return self._output.read_text()

    def finish(self) -> int:
        return self._lab.join(120.0)

    def copies(self) -> list[Path]:
        """Return the copies of programs on the hosts."""
        return list(self._temporary.glob("*/*"))
