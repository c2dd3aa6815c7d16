"""What has no Redis-backed version under `lab run` is multiprocessing's own on redis, and refused on rq when used."""

from __future__ import annotations

import pytest

from tests.lab.programs.conftest import Program
from tests.support.lab import RunLab

UNSUPPORTED = """
    from multiprocessing import Condition, Lock, Process, Value

    def add(total):
        with total.get_lock():
            total.value += 1

    if __name__ == "__main__":
        print("begins")
        total = Value("i", 0)
        children = [Process(target=add, args=(total,)) for _ in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        print(total.value)
"""


def test_unsupported_names_are_multiprocessings_own_on_redis(lab: RunLab, program: Program, url: str):
    done = lab("run", program(UNSUPPORTED), "--on", "redis", "--redis-url", url)
    assert (done.returncode, done.stdout) == (0, "begins\n3\n")
    assert done.stderr == (
        "lab: Value is not Redis-backed under lab run: this is multiprocessing's own, for processes on this machine\n"
    )


@pytest.mark.parametrize("make", ["Condition(Lock())", "get_context('spawn').Condition(lock=Lock())"])
def test_condition_of_a_redis_backed_lock_is_refused(lab: RunLab, program: Program, url: str, make: str):
    path = program(f"from multiprocessing import Condition, Lock, get_context\nCondition()\n{make}\nprint('no')\n")
    done = lab("run", path, "--on", "redis", "--redis-url", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[1:] == [
        "lab: Condition is not Redis-backed under lab run, and multiprocessing's own cannot use a Redis-backed Lock; "
        "call Condition() without a lock, import both from broker, or run the program --on local"
    ]


def test_unsupported_names_are_refused_on_rq_when_used(lab: RunLab, program: Program, url: str):
    done = lab("run", program(UNSUPPORTED), "--on", "rq", "--redis-url", url, "--workers", 1)
    assert (done.returncode, done.stdout) == (2, "begins\n")
    assert done.stderr == (
        "lab: multiprocessing's Value works on one machine only, and RQ jobs may run on several; "
        "use Value of jobs.get_context(), or run the program --on redis\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "use",
    [
        "multiprocessing.Manager()",
        "multiprocessing.managers.SyncManager()",
        "type('Mine', (BaseManager,), {})",
        "multiprocessing.get_context('spawn').Barrier(2)",
        "shared_memory.SharedMemory(create=True, size=1)",
    ],
)
def test_every_use_of_what_one_machine_shares_is_refused_on_rq(lab: RunLab, program: Program, url: str, use: str):
    imports = "import multiprocessing.managers\nfrom multiprocessing import shared_memory\n"
    path = program(f"{imports}from multiprocessing.managers import BaseManager\n{use}\nprint('no')\n")
    done = lab("run", path, "--on", "rq", "--redis-url", url, "--workers", 1)
    assert (done.returncode, done.stdout) == (2, "")
    assert "RQ jobs may run on several" in done.stderr
