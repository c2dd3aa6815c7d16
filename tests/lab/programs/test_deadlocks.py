"""`lab compare FILE.py` on a program that comes to a standstill: who waits for whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.lab import RunLab

Program = Callable[..., Path]


@pytest.mark.slow
def test_a_deadlock_is_named(lab: RunLab, program: Program, url: str, tmp_path: Path):
    path = program(
        """
        from multiprocessing import Event, Lock, Process

        def work(first, second, mine, yours):
            with first:
                mine.set()
                yours.wait()
                with second:
                    pass

        if __name__ == "__main__":
            hall = Lock()
            rooms = Lock()
            one, two = Event(), Event()
            left = Process(target=work, args=(hall, rooms, one, two), name="left")
            right = Process(target=work, args=(rooms, hall, two, one), name="right")
            left.start()
            right.start()
            left.join()
        """
    )
    options = ("--limit", 5, "--redis-url", url, "--workers", 2, "--json", "figures", "--trace", "traces")
    for done in (lab("compare", path, *options), lab("check", "traces")):
        assert (
            "Deadlock on local, redis, rq: left waits for rooms (program.py:13), which right holds; right waits for "
            "hall (program.py:12), which left holds. Also waiting: MainProcess waits for left to end."
        ) in " ".join(done.stdout.split())
    figures = json.loads((tmp_path / "figures").read_text())
    for backend in figures["backends"].values():
        assert backend["primitives"]["rooms (program.py:13)"]["wait_s"]["max"] > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("create", "held"), [("RLock()", "rooms (program.py:14)"), ("Condition()", "lock of rooms (program.py:14)")]
)
def test_a_deadlock_of_reentrant_locks_is_named(lab: RunLab, program: Program, url: str, create: str, held: str):
    path = program(
        f"""
        from multiprocessing import Condition, Event, Process, RLock

        def work(first, second, mine, yours):
            with first:
                with first:
                    mine.set()
                yours.wait()
                with second:
                    pass

        if __name__ == "__main__":
            hall = RLock()
            rooms = {create}
            one, two = Event(), Event()
            left = Process(target=work, args=(hall, rooms, one, two), name="left")
            right = Process(target=work, args=(rooms, hall, two, one), name="right")
            left.start()
            right.start()
            left.join()
        """
    )
    done = lab("compare", path, "--limit", 8, "--redis-url", url, "--workers", 2)
    assert (
        f"Deadlock on local, redis, rq: left waits for {held}, which right holds; right waits for hall "
        "(program.py:13), which left holds."
    ) in " ".join(done.stdout.split())


@pytest.mark.slow
def test_waits_for_conditions_and_barriers_are_named(lab: RunLab, program: Program, url: str):
    path = program(
        """
        from multiprocessing import Barrier, Condition, Process

        def wait(ready, start):
            with ready:
                ready.wait_for(lambda: False)

        def meet(ready, start):
            start.wait()

        if __name__ == "__main__":
            ready, start = Condition(), Barrier(3)
            for name, target in (("three", meet), ("two", meet), ("one", wait)):
                process = Process(target=target, args=(ready, start), name=name)
                process.start()
            process.join()
        """
    )
    done = lab("compare", path, "--limit", 8, "--redis-url", url, "--workers", 4)
    assert (
        "All processes waited on local, redis, rq, and none could go on: MainProcess waits for one to end; one waits "
        "for ready (program.py:12) to be notified; three and two wait for start (program.py:12), which waits for 3 "
        "processes"
    ) in " ".join(done.stdout.split())


@pytest.mark.slow
def test_a_manager_s_lock_without_a_timeout_is_waited_for_in_vain(lab: RunLab, program: Program, url: str):
    path = program(
        """
        from multiprocessing import Manager

        if __name__ == "__main__":
            lock = Manager().Lock()
            lock.acquire()
            lock.acquire(timeout=-1)
        """
    )
    done = lab("compare", path, "--limit", 3, "--on", "redis", "--redis-url", url)
    text = " ".join(done.stdout.split())
    assert "Deadlock on redis: MainProcess waits for lock (program.py:5), which MainProcess holds." in text


@pytest.mark.slow
def test_who_was_notified_and_cannot_get_the_lock_is_named(lab: RunLab, program: Program, url: str):
    path = program(
        """
        from multiprocessing import Condition, Event, Lock, Process, Value

        def wait(ready, waits):
            with ready:
                waits.set()
                ready.wait()

        def notify(ready, waits, total):
            waits.wait()
            with ready:
                ready.notify()
                total.value += 1

        if __name__ == "__main__":
            ready, waits, total = Condition(Lock()), Event(), Value("i", 0)
            one = Process(target=wait, args=(ready, waits), name="one")
            two = Process(target=notify, args=(ready, waits, total), name="two")
            with total.get_lock():
                one.start()
                two.start()
                one.join()
        """
    )
    done = lab("compare", path, "--limit", 8, "--redis-url", url, "--workers", 2)
    assert (
        "Deadlock on local, redis, rq: MainProcess waits for one to end; one waits for Lock (program.py:16), which two "
        "holds; two waits for lock of total (program.py:16), which MainProcess holds."
    ) in " ".join(done.stdout.split())
