"""What works on one machine only stays multiprocessing's own on redis, and is refused on rq when it is used."""

from __future__ import annotations

import pytest

from tests.lab.programs.conftest import Program
from tests.support.lab import RunLab

OWN_CLASSES = """
    from multiprocessing import Process
    from multiprocessing.managers import BaseManager, ListProxy, NamespaceProxy, SyncManager

    class Counter:
        def __init__(self):
            self.total = 0
        def add(self):
            self.total += 1

    class CounterProxy(NamespaceProxy):
        _exposed_ = ("__getattribute__", "add")
        def add(self):
            self._callmethod("add")

    class First(BaseManager):
        pass

    class Second(SyncManager):
        pass

    First.register("Counter", Counter, CounterProxy)
    Second.register("Counter", Counter)

    def work(first, second):
        first.add()
        second.add()

    if __name__ == "__main__":
        with First() as first, Second() as second:
            counter, other, numbers = first.Counter(), second.Counter(), second.list([3])
            child = Process(target=work, args=(counter, other))
            child.start()
            child.join()
            print(counter.total, numbers[:], isinstance(counter, NamespaceProxy), isinstance(second, SyncManager))
"""


@pytest.mark.slow
def test_managers_of_own_classes_are_multiprocessings_on_redis(lab: RunLab, program: Program, url: str):
    done = lab("run", program(OWN_CLASSES), "--on", "redis", "--redis-url", url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 [3] True True\n", "")


def test_unsupported_names_are_refused_on_rq_when_used(lab: RunLab, program: Program, url: str):
    path = program("from multiprocessing import shared_memory\nprint('begins')\nshared_memory.ShareableList([1])\n")
    done = lab("run", path, "--on", "rq", "--redis-url", url, "--workers", 1)
    assert (done.returncode, done.stdout) == (2, "begins\n")
    assert done.stderr == (
        "lab: multiprocessing's ShareableList works on one machine only, and RQ jobs may run on several; "
        "send values through a Queue, a Pipe or a Manager(), or run the program --on redis\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "use",
    [
        "BaseManager()",
        "type('Mine', (BaseManager,), {})",
        "type('Mine', (SyncManager,), {})",
        "multiprocessing.managers.SharedMemoryManager()",
        "shared_memory.SharedMemory(create=True, size=1)",
    ],
)
def test_every_use_of_what_one_machine_shares_is_refused_on_rq(lab: RunLab, program: Program, url: str, use: str):
    imports = "import multiprocessing.managers\nfrom multiprocessing import shared_memory\n"
    path = program(f"{imports}from multiprocessing.managers import BaseManager, SyncManager\n{use}\nprint('no')\n")
    done = lab("run", path, "--on", "rq", "--redis-url", url, "--workers", 1)
    assert (done.returncode, done.stdout) == (2, "")
    assert "RQ jobs may run on several" in done.stderr
