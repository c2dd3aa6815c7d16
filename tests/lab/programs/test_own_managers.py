"""Managers of a program's own classes, and shared memory, on every backend."""

from __future__ import annotations

import pytest

from tests.lab.programs.conftest import Program
from tests.support.lab import BACKENDS, RunLab

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


SHARED_MEMORY = """
    from multiprocessing import Process
    from multiprocessing.managers import SharedMemoryManager
    from multiprocessing.shared_memory import ShareableList, SharedMemory

    def work(memory, numbers, managed):
        memory.buf[0] += numbers[0]
        numbers[0] = 3
        managed[0] = 4

    if __name__ == "__main__":
        memory, numbers = SharedMemory(create=True, size=1), ShareableList([2])
        with SharedMemoryManager() as manager:
            managed = manager.ShareableList([0])
            child = Process(target=work, args=(memory, numbers, managed))
            child.start()
            child.join()
            print(memory.buf[0], [*numbers], [*managed])
        for each in (memory, numbers.shm):
            each.close()
            each.unlink()
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("source", "printed"), [(OWN_CLASSES, "1 [3] True True\n"), (SHARED_MEMORY, "2 [3] [4]\n")])
def test_programs_print_the_same(lab: RunLab, program: Program, url: str, backend: str, source: str, printed: str):
    done = lab("run", program(source), "--on", backend, "--redis-url", url)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")


@pytest.mark.slow
@pytest.mark.parametrize("source", [OWN_CLASSES, SHARED_MEMORY])
def test_comparisons_of_them_are_valid(lab: RunLab, program: Program, url: str, source: str):
    done = lab("compare", program(source), "--redis-url", url)
    assert (done.returncode, done.stderr) == (0, "")
    assert "All backends printed the same lines." in done.stdout
